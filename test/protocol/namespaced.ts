import { fileURLToPath } from 'node:url';
import { findProgram } from '../fixtures/process/find-program.ts';
import { runProgram } from '../fixtures/process/run-program.ts';

/**
 * Documentation addresses (RFC 5737 §3, RFC 3849 §2). Each network has an allowed client and one that is not allowed.
 */
export const ADDRESSES = {
  ipv4: {
    network: '192.0.2.0/28',
    server: '192.0.2.1',
    second: '192.0.2.2',
    insider: '192.0.2.3',
    outsider: '192.0.2.200',
  },
  ipv6: {
    network: '2001:db8::/124',
    server: '2001:db8::1',
    second: '2001:db8::2',
    insider: '2001:db8::3',
    outsider: '2001:db8::c8',
  },
} as const;

export type IpVersion = keyof typeof ADDRESSES;

/**
 * `$0` is the ip program; the rest is the command. With nodad, IPv6 addresses skip duplicate detection (RFC 4862 §5.4).
 */
const SET_UP = [
  'set -e',
  '"$0" link set lo up',
  ...Object.values(ADDRESSES).flatMap(({ server, second, insider, outsider }) =>
    [server, second, insider, outsider].map((address) =>
      address.includes(':') ? `"$0" address add ${address}/64 dev lo nodad` : `"$0" address add ${address}/24 dev lo`,
    ),
  ),
  'exec "$@"',
].join('\n');

/**
 * Runs a script of the folder `namespaced` in its own network namespace, which has the addresses above and no route to
 * the outside. The script may forge datagrams. The namespace ends with its last process. Rejects with the output if it
 * fails.
 */
export async function runNamespaced(script: string, ...args: readonly string[]): Promise<void> {
  await runInNamespace(new URL(`namespaced/${script}.ts`, import.meta.url), args);
}

/** The same for any script. Resolves with its stdout. */
export async function runInNamespace(script: URL, args: readonly string[], timeoutMs = 60_000): Promise<string> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const command = [process.execPath, fileURLToPath(script), ...args];
  const set = ['--net', ...asRoot, 'sh', '-c', SET_UP, await findProgram('ip')];
  return runProgram('unshare', [...set, ...command], { timeoutMs });
}
