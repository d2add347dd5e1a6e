import { join } from 'node:path';
import type { TorConfig } from '../config/config.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { TorAddress } from '../model/tor-address.ts';
import type { Runner } from '../system/command.ts';
import { createSocksPeerJudge } from '../system/sockets/socks-owner.ts';
import type { ControlSearch } from '../tor/control/find-control.ts';
import { stateDirectory } from '../tor/process/state-directory.ts';
import { refuseUntrusted, torPaths } from '../tor/process/torrc.ts';
import { detectTor, type SocksListener, verifyTor } from '../tor/socks/find-socks.ts';
import { type JudgePeer, judgeManagedTor } from '../tor/socks/socks-peer.ts';

/** A Tor that answers. */
export interface RunningTor extends SocksListener, ControlSearch {
  readonly kind: 'running';
  /** Whether a running dns4tor has started it. */
  readonly isManaged: boolean;
  readonly judgePeer: JudgePeer;
}

/** The Tor that dns4tor uses, or would use. */
export type TorFinding =
  | RunningTor
  /** No Tor runs, and dns4tor would start one. */
  | { readonly kind: 'startable'; readonly version: string }
  | { readonly kind: 'missing'; readonly error: Dns4torError };

/** What {@link findTor} needs from the rest of the program. */
export interface FindTorComponents {
  readonly clock: Clock;
  readonly run: Runner;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** SOCKS addresses that `auto` tries. @default USUAL_SOCKS_ADDRESSES */
  readonly usualSocksAddresses?: readonly TorAddress[];
}

const TOR: SocksListener = { standing: 'tor', program: 'tor' };

/** Finds Tor as the daemon does at its start, but starts none. Never rejects. */
export async function findTor(components: FindTorComponents, config: TorConfig): Promise<TorFinding> {
  const { clock, usualSocksAddresses } = components;
  const { socks, control, bridges } = config;
  const judgePeer = createSocksPeerJudge(clock);
  try {
    // With bridges, the daemon would use no running Tor.
    if (bridges.length > 0) return await findManagedTor(components, config);
    if (socks.kind === 'auto') {
      const { found } = await detectTor(clock, judgePeer, usualSocksAddresses);
      if (found !== undefined) return { kind: 'running', isManaged: false, socks: found, ...TOR, judgePeer, control };
    } else if (socks.kind !== 'managed') {
      const listener = await verifyTor(socks, clock, judgePeer);
      return { kind: 'running', isManaged: false, socks, ...listener, judgePeer, control };
    }
    return await findManagedTor(components, config);
  } catch (error) {
    return { kind: 'missing', error: toDns4torError(error) };
  }
}

/** Finds the Tor that a running dns4tor has started, or else the tor program. */
async function findManagedTor({ clock, run, env }: FindTorComponents, { binary }: TorConfig): Promise<TorFinding> {
  const paths = torPaths(join(stateDirectory(env), 'tor'));
  refuseUntrusted(paths.directory);
  const socks: TorAddress = { kind: 'unix', path: paths.socks };
  const isRunning = await verifyTor(socks, clock, judgeManagedTor).then(
    () => true,
    () => false,
  );
  if (isRunning) {
    const control = { kind: 'unix', path: paths.control } as const;
    return { kind: 'running', isManaged: true, socks, ...TOR, judgePeer: judgeManagedTor, control };
  }
  const { status, stdout } = await run([binary, '--version']);
  if (status !== 0) throw new Dns4torError('ERR_TOR_BINARY_MISSING', binary);
  const [version = ''] = stdout.split('\n', 1);
  return { kind: 'startable', version: version.replace(/\.$/, '') };
}
