import type { Laboratory } from '../e2e/laboratory.ts';
import type { RestartableProcess } from '../fixtures/process/restartable-process.ts';
import { guardOfOnion, relayOfClient } from './circuits.ts';
import type { SocksRelay } from './socks-relay.ts';

/** What a fault can break. */
export interface Stage {
  readonly laboratory: Laboratory;
  /** A relay in front of the client's tor, for scenarios that use it. */
  readonly socksRelay: SocksRelay;
}

/** How long each kind of fault lasts, in milliseconds. */
export interface FaultTimes {
  /** From a kill to the new start. */
  readonly killMs: number;
  /** From SIGSTOP to SIGCONT. */
  readonly stopMs: number;
  /** Duration of the load while circuits rotate. */
  readonly rotateMs: number;
}

/** One fault under load. */
export interface Scenario {
  readonly name: string;
  /** Absent if the fault ends at once. */
  readonly lasts?: keyof FaultTimes;
  /** Flags of dns4tor. */
  readonly flags?: (stage: Stage) => readonly string[];
  /** Whether the resolver stays reachable, so that every query must be answered. */
  readonly losesNothing: boolean;
  /** Whether Tor itself is unreachable; dns4tor probes that more often. @default beyond */
  readonly cutsOff?: 'client' | 'beyond';
  /** Starts the fault. Returns a function that ends it. */
  readonly begin: (stage: Stage) => Promise<() => void | Promise<void>>;
}

type Part = (stage: Stage) => RestartableProcess | Promise<RestartableProcess>;

/** From the far end to the near one. */
const PARTS: Readonly<Record<string, Part>> = {
  resolver: ({ laboratory }) => laboratory.doh.unbound,
  'onion-tor': ({ laboratory }) => laboratory.network.onionService,
  relay: ({ laboratory }) => relayOfClient(laboratory.network),
  'client-tor': ({ laboratory }) => laboratory.network.client,
};

const nothing = (): void => {};

export const SCENARIOS: readonly Scenario[] = [
  // First: later, the onion's tor may stop building introduction circuits for minutes (INTRO_CIRC_RETRY_PERIOD in tor).
  kill('onion-guard', ({ laboratory }) => guardOfOnion(laboratory.network)),
  ...Object.entries(PARTS).map(([name, part]) => kill(name, part)),
  ...Object.entries(PARTS).map(([name, part]) => stop(name, part)),
  {
    name: 'drop-socks',
    flags: ({ socksRelay }) => ['--tor-socks', `127.0.0.1:${socksRelay.port}`],
    losesNothing: true,
    async begin({ socksRelay }) {
      if (socksRelay.drop() === 0) throw new Error('there was no connection to drop');
      return nothing;
    },
  },
  {
    name: 'rotate',
    lasts: 'rotateMs',
    // The shortest lifetime: each circuit ends after 8 to 12 s.
    flags: () => ['--circuit-lifetime', '10s'],
    losesNothing: true,
    begin: async () => nothing,
  },
];

/** A crash and a restart. */
function kill(name: string, part: Part): Scenario {
  return {
    name: `kill-${name}`,
    lasts: 'killMs',
    losesNothing: false,
    cutsOff: name === 'client-tor' ? 'client' : 'beyond',
    async begin(stage) {
      const broken = await part(stage);
      await broken.kill();
      return () => broken.start();
    },
  };
}

/** A stopped process: its sockets stay open and silent. */
function stop(name: string, part: Part): Scenario {
  return {
    name: `stop-${name}`,
    lasts: 'stopMs',
    losesNothing: false,
    async begin(stage) {
      const broken = await part(stage);
      broken.pause();
      return () => broken.resume();
    },
  };
}
