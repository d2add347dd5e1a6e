import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { ErrorCode } from '../failures/failures.ts';
import type { Random } from '../lib/random.ts';
import type { TorKind, TorStatus } from '../model/tor-status.ts';
import { detectTor } from './socks/find-socks.ts';
import { ExternalTor } from './external-tor.ts';
import type { ControlChoice } from './control/find-control.ts';
import { ManagedTor } from './process/managed-tor.ts';
import type { OnionAuth } from './control/onion-auth.ts';
import { type JudgePeer, judgeAsOurs } from './socks/socks-peer.ts';
import { formatTorAddress, type TorAddress } from './tor-address.ts';
import type { TorEvents } from './tor-events.ts';

/** Which tor is to be used: `--tor-socks`. */
export type TorChoice = TorAddress | { readonly kind: 'auto' } | { readonly kind: 'managed' };

/** The tor in use, of whatever kind. Disposing it ends a managed one and leaves another alone. */
export interface Tor extends AsyncDisposable {
  readonly kind: TorKind;
  readonly socks: TorAddress;
  /** Must judge each connection to `socks`. */
  readonly judgePeer: JudgePeer;
  state(): TorStatus;
  /**
   * Is to be told how each dial ended. Of a tor whose control port is not read this is all that is known; of another it shows when it is to
   * forget its failures.
   */
  observe(outcome: 'ok' | ErrorCode): void;
  /** For logs: which tor this is and where. */
  describe(): string;
}

export interface OpenTorOptions {
  /** For `managed`, and for `auto` where no Tor runs: a path, or a name to be found in PATH. */
  readonly binary: string;
  /** dns4tor's own state directory, in which a managed tor gets `tor`. Asked for no other: a service's user may have none. */
  readonly stateDirectory: () => string;
  /** Validated lines to add to a managed tor's torrc. */
  readonly torOptions: readonly string[];
  /** Where `auto` looks, in this order. @default USUAL_SOCKS_ADDRESSES */
  readonly usualAddresses?: readonly TorAddress[];
  /** The control port of a tor that is not ours. */
  readonly control: ControlChoice;
  /** Where its `auto` looks, in this order. @default USUAL_CONTROL_ADDRESSES */
  readonly usualControlAddresses?: readonly TorAddress[];
  /** Judges listeners at the addresses of a Tor that dns4tor did not start. */
  readonly judgePeer: JudgePeer;
  /** Keys for onion services that ask for client authorisation. */
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
}

/**
 * Finds or starts the tor to use. An address that was named is taken as it is, whether Tor answers there yet or not:
 * dials find out, and recover as soon as it does.
 *
 * @throws Dns4torError ERR_TOR_BINARY_MISSING or ERR_TOR_MANAGED where one had to be started
 */
export async function openTor(choice: TorChoice, options: OpenTorOptions): Promise<Tor> {
  if (choice.kind === 'managed') return openManagedTor(options);
  if (choice.kind !== 'auto') return openExternalTor(choice, options);
  const { found, rejected } = await detectTor(options.clock, options.judgePeer, options.usualAddresses);
  for (const { error } of rejected) if (SPEAKS_AS_TOR.has(error.code)) options.events.onNotTaken(error);
  return found === undefined ? openManagedTor(options) : openExternalTor(found, options);
}

/** Reasons to report why `auto` skipped a listener that is or may be speaking Tor's protocol. */
const SPEAKS_AS_TOR: ReadonlySet<ErrorCode> = new Set(['ERR_TOR_FOREIGN', 'ERR_TOR_UNPROVEN']);

async function openManagedTor({ stateDirectory, ...options }: OpenTorOptions): Promise<Tor> {
  const managed = await ManagedTor.start({ ...options, directory: join(stateDirectory(), 'tor') });
  return {
    kind: 'managed',
    socks: managed.socks,
    judgePeer: judgeAsOurs,
    state: () => managed.status,
    observe: (outcome) => managed.observe(outcome),
    describe: () => `tor started by dns4tor at ${formatTorAddress(managed.socks)}`,
    [Symbol.asyncDispose]: () => managed[Symbol.asyncDispose](),
  };
}

async function openExternalTor(socks: TorAddress, options: OpenTorOptions): Promise<Tor> {
  const external = await ExternalTor.open({ ...options, socks });
  let isToldOf = false;
  const judgePeer: JudgePeer = async (address, connection) => {
    const standing = await options.judgePeer(address, connection);
    if (standing === 'unknown' && !isToldOf) options.events.onUnproven(formatTorAddress(address));
    isToldOf ||= standing === 'unknown';
    return standing;
  };
  return {
    kind: 'external',
    socks,
    judgePeer,
    state: () => external.status,
    observe: (outcome) => external.observe(outcome),
    describe: () => `Tor at ${formatTorAddress(socks)}`,
    [Symbol.asyncDispose]: () => external[Symbol.asyncDispose](),
  };
}
