import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { ErrorCode } from '../lib/errors.ts';
import type { Random } from '../lib/random.ts';
import type { TorState } from '../lib/tor-state.ts';
import { detectTor } from './detect.ts';
import { ManagedTor, type TorEvents } from './managed-tor.ts';
import { formatTorAddress, type TorAddress } from './tor-address.ts';

/** Which tor is to be used: `--tor-socks`. */
export type TorChoice = TorAddress | { readonly kind: 'auto' } | { readonly kind: 'managed' };

/** The tor in use, of whatever kind. Disposing it ends a managed one and leaves another alone. */
export interface Tor extends AsyncDisposable {
  readonly socks: TorAddress;
  /** Where it stands; `bootstrapPercent` is 0 to 100. */
  state(): { readonly state: TorState; readonly bootstrapPercent: number };
  /** Is to be told how each dial ended. Of a tor that is not ours this is all that is known. */
  observe(outcome: 'ok' | ErrorCode): void;
  /** For logs: which tor this is and where. */
  describe(): string;
}

export interface OpenTorOptions {
  /** For `managed`, and for `auto` where no Tor runs: a path, or a name to be found in PATH. */
  readonly binary: string;
  /** dns4tor's own state directory; a managed tor gets `tor` in it. */
  readonly stateDirectory: string;
  /** Lines to add to a managed tor's torrc. */
  readonly torOptions: readonly string[];
  /** Where `auto` looks, in this order. @default USUAL_SOCKS_ADDRESSES */
  readonly usualAddresses?: readonly TorAddress[];
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
  if (choice.kind !== 'auto') return openExternalTor(choice);
  const { found } = await detectTor(options.clock, options.usualAddresses);
  return found === undefined ? openManagedTor(options) : openExternalTor(found);
}

async function openManagedTor({ stateDirectory, ...options }: OpenTorOptions): Promise<Tor> {
  const managed = await ManagedTor.start({ ...options, directory: join(stateDirectory, 'tor') });
  return {
    socks: managed.socks,
    state: () => ({ state: managed.state, bootstrapPercent: managed.bootstrapPercent }),
    observe: () => {},
    describe: () => `tor started by dns4tor at ${formatTorAddress(managed.socks)}`,
    [Symbol.asyncDispose]: () => managed[Symbol.asyncDispose](),
  };
}

/** Outcomes that say nothing about Tor: whose fault a missed deadline was is not known, and a shutdown was ours. */
const TELLS_NOTHING: ReadonlySet<string> = new Set(['ERR_TOR_TIMEOUT', 'ERR_SHUTDOWN', 'ERR_INTERNAL']);
/** Tor is not there, or has no way to its network. Any other failure is Tor's own report about the onion service. */
const TELLS_DOWN: ReadonlySet<string> = new Set([
  'ERR_TOR_UNREACHABLE',
  'ERR_TOR_NOT_SOCKS',
  'ERR_TOR_NETWORK_UNREACHABLE',
]);

function openExternalTor(socks: TorAddress): Tor {
  let state: TorState = 'unknown';
  return {
    socks,
    state: () => ({ state, bootstrapPercent: state === 'up' ? 100 : 0 }),
    observe(outcome) {
      if (!TELLS_NOTHING.has(outcome)) state = TELLS_DOWN.has(outcome) ? 'down' : 'up';
    },
    describe: () => `Tor at ${formatTorAddress(socks)}`,
    [Symbol.asyncDispose]: async () => {},
  };
}
