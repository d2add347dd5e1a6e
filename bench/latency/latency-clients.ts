import type { Clock } from '../../src/lib/clock.ts';
import { ask } from '../../test/fixtures/dns/messages.ts';
import { DAY_MS } from '../day/household.ts';
import { HouseholdResolver } from '../day/household-resolver.ts';
import type { Laboratory } from '../laboratory.ts';
import type { OnionDouble } from '../onion/onion-double.ts';
import { createSeededRandom } from '../onion/seeded-random.ts';
import type { NameClient } from './name-client.ts';
import { RacingClient } from './racing-client.ts';

/** What a client needs. */
export interface ClientComponents {
  readonly clock: Clock;
  readonly laboratory: Laboratory;
  /** The client's own simulated Tor and resolver. */
  readonly double: OnionDouble;
  readonly seed: number;
}

/** One of the clients that are compared. */
export interface ClientKind {
  readonly label: string;
  create(components: ClientComponents): NameClient;
}

export const ONE_CONNECTION: ClientKind = {
  label: 'one connection',
  create: (components) => createDns4tor(components, 1),
};

export const RACING: ClientKind = {
  label: 'racing connection',
  create: ({ clock, laboratory, double }) => new RacingClient(clock, { socks: double.socks, url: laboratory.url }),
};

/** dns4tor with its default options. */
export const DNS4TOR: ClientKind = { label: 'dns4tor', create: (components) => createDns4tor(components) };

/** dns4tor without its listener. */
function createDns4tor({ clock, laboratory, double, seed }: ClientComponents, circuits?: number): NameClient {
  const random = createSeededRandom(seed);
  const resolver = new HouseholdResolver(
    { clock, random, laboratory, socks: double.socks },
    { label: '', maxStaleMs: DAY_MS, prefetch: true, ...(circuits === undefined ? {} : { circuits }) },
  );
  return {
    start: () => void resolver.ready(),
    ask: async (name) => (await resolver.ask(ask({ name }))).source !== 'failed',
    [Symbol.asyncDispose]: () => resolver[Symbol.asyncDispose](),
  };
}
