import { join } from 'node:path';
import type { ErrorCode } from '../failures/failures.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { formatTorAddress, type TorAddress } from '../model/tor-address.ts';
import type { TorKind, TorStatus } from '../model/tor-status.ts';
import { ArtiNotice } from './arti-notice.ts';
import { torSurroundings } from './control/bootstrap-evidence.ts';
import type { ControlChoice } from './control/find-control.ts';
import type { OnionAuth } from './control/onion-auth.ts';
import { ExternalTor } from './external-tor.ts';
import { ManagedTor } from './process/managed-tor.ts';
import type { TorrcContents } from './process/torrc.ts';
import { detectTor } from './socks/find-socks.ts';
import { type JudgePeer, judgeManagedTor } from './socks/socks-peer.ts';
import type { TorEvents } from './tor-events.ts';

/** Which Tor to use, as `--tor-socks` selects it. */
export type TorChoice = TorAddress | { readonly kind: 'auto' } | { readonly kind: 'managed' };

/** The Tor in use: external or managed. Disposing it stops a managed Tor; an external one keeps running. */
export interface Tor extends AsyncDisposable {
  readonly kind: TorKind;
  readonly socks: TorAddress;
  /** Judges connections to `socks`. Every connection must pass it. */
  readonly judgePeer: JudgePeer;
  state(): TorStatus;
  /**
   * Records how a dial ended. Without a control port, dials are the only source of Tor's state; with one, they show
   * when Tor should forget its failures (NEWNYM).
   */
  observe(outcome: 'ok' | ErrorCode): void;
  /** Call it when this machine has joined another network, or has woken up. */
  networkChanged(): void;
  /** Describes this Tor for logs: its kind and address. */
  describe(): string;
}

/** How Tor is found or started. */
export interface OpenTorOptions extends TorrcContents {
  /**
   * The tor program to start, for `managed` and for `auto` without a running Tor: a path, or a name to find in PATH.
   */
  readonly binary: string;
  /** Returns dns4tor's state directory; a managed Tor uses `tor` in it. Not called otherwise: it may not exist. */
  readonly stateDirectory: () => string;
  /** SOCKS addresses that `auto` tries, in this order. @default USUAL_SOCKS_ADDRESSES */
  readonly usualAddresses?: readonly TorAddress[];
  /** Control port of an external Tor. */
  readonly control: ControlChoice;
  /** Control addresses that its `auto` tries, in this order. @default USUAL_CONTROL_ADDRESSES */
  readonly usualControlAddresses?: readonly TorAddress[];
  /** Judges connections to an external Tor. */
  readonly judgePeer: JudgePeer;
  /** Keys for onion services with client authorisation. */
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
  /** Whether this machine has an address that is neither loopback nor link-local. */
  readonly hasNetwork: () => boolean;
}

/**
 * Finds or starts the Tor to use. A configured address is used even if Tor does not answer there yet: dials fail until
 * it does, then recover. With bridges, Tor is always managed.
 *
 * @throws Dns4torError ERR_TOR_BINARY_MISSING, ERR_TOR_IN_USE, ERR_TOR_MANAGED or ERR_UNTRUSTED_PATH if a Tor has to be
 *   started
 */
export async function openTor(choice: TorChoice, options: OpenTorOptions): Promise<Tor> {
  // A running Tor would not use the bridges, and might connect to public relays, which shows the network that it is
  // Tor.
  if (choice.kind === 'managed' || options.bridges.length > 0) return openManagedTor(options);
  if (choice.kind !== 'auto') return openExternalTor(choice, options);
  const { found, rejected } = await detectTor(options.clock, options.judgePeer, options.usualAddresses);
  for (const { error } of rejected) if (SPEAKS_AS_TOR.has(error.code)) options.events.onSkipped(error);
  return found === undefined ? openManagedTor(options) : openExternalTor(found, options, true);
}

/** Errors worth reporting when `auto` skips an address: those of listeners that may speak Tor's protocol. */
const SPEAKS_AS_TOR: ReadonlySet<ErrorCode> = new Set(['ERR_TOR_ARTI', 'ERR_TOR_FOREIGN', 'ERR_TOR_UNPROVEN']);

async function openManagedTor({ stateDirectory, ...options }: OpenTorOptions): Promise<Tor> {
  const managed = await ManagedTor.start({
    ...options,
    directory: join(stateDirectory(), 'tor'),
    surroundings: torSurroundings(options.hasNetwork, options.bridges),
  });
  return {
    kind: 'managed',
    socks: managed.socks,
    judgePeer: judgeManagedTor,
    state: () => managed.status,
    observe: (outcome) => managed.observe(outcome),
    networkChanged: () => managed.networkChanged(),
    describe: () => `tor started by dns4tor at ${formatTorAddress(managed.socks)}`,
    [Symbol.asyncDispose]: () => managed[Symbol.asyncDispose](),
  };
}

/** @param isTor whether the program was found to be tor, not arti */
async function openExternalTor(socks: TorAddress, options: OpenTorOptions, isTor = false): Promise<Tor> {
  const surroundings = torSurroundings(options.hasNetwork);
  const external = await ExternalTor.open({ ...options, socks, surroundings });
  // arti has no control port, so it never reports circuits.
  const notice = new ArtiNotice({ ...options, socks, isTor: () => isTor || external.status.circuits !== undefined });
  let isReported = false;
  const judgePeer: JudgePeer = async (address, connection) => {
    const standing = await options.judgePeer(address, connection);
    if (standing === 'unknown' && !isReported) options.events.onUnproven(formatTorAddress(address));
    isReported ||= standing === 'unknown';
    return standing;
  };
  return {
    kind: 'external',
    socks,
    judgePeer,
    state: () => external.status,
    // It may serve other programs, so it is not restarted.
    networkChanged() {},
    observe(outcome) {
      external.observe(outcome);
      notice.observe(outcome);
    },
    describe: () => `Tor at ${formatTorAddress(socks)}`,
    async [Symbol.asyncDispose]() {
      await Promise.all([notice[Symbol.asyncDispose](), external[Symbol.asyncDispose]()]);
    },
  };
}
