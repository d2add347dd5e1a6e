import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TorAddress } from '../../src/model/tor-address.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { type RunningProcess, startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const FINGERPRINT = 'A'.repeat(40);

/**
 * Options with which Tor starts and listens but never bootstraps: its only directory authority, on this machine, is
 * down.
 */
export const OFFLINE_OPTIONS: readonly string[] = [
  'UseDefaultFallbackDirs 0',
  `DirAuthority down orport=1 no-v2 v3ident=${FINGERPRINT} 127.0.0.1:1 ${FINGERPRINT}`,
];

export interface OfflineTor extends AsyncDisposable {
  readonly process: RunningProcess;
  readonly socks: TorAddress;
  readonly control: TorAddress;
}

/** Starts a real, external Tor. */
export async function startOfflineTor(options: readonly string[] = []): Promise<OfflineTor> {
  await using resources = new AsyncDisposableStack();
  const { path: directory } = resources.use(await createTemporaryDirectory());
  const at = (name: string): string => join(directory, name);
  const lines = [
    `DataDirectory ${directory}`,
    `SocksPort unix:${at('socks')} ExtendedErrors`,
    `ControlSocket ${at('control')}`,
    'CookieAuthentication 1',
    'Log notice stdout',
    ...OFFLINE_OPTIONS,
    ...options,
    '',
  ];
  await writeFile(at('torrc'), lines.join('\n'));
  const args = ['--defaults-torrc', '/dev/null', '-f', at('torrc')];
  const process = resources.use(await startProcess(await findProgram('tor'), args));
  await process.waitUntil('tor has started', 10_000, () => process.output.includes('Bootstrapped 0%'));
  const running = resources.move();
  return {
    process,
    socks: { kind: 'unix', path: at('socks') },
    control: { kind: 'unix', path: at('control') },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
