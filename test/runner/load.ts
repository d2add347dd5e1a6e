import type { Lane } from './scheduler.ts';

/** What a test file needs of the machine. Measured on two cores. */
export interface Load {
  /** Cores that it keeps busy on average. */
  readonly cores: number;
  /** How long it takes, in seconds. */
  readonly seconds: number;
  /** Has no deadlines, so it yields the CPU to files that have. @default false */
  readonly patient?: boolean;
  /** @default none */
  readonly lane?: Lane;
}

/**
 * Files that start a Tor network. Its authorities vote every ten seconds, and a vote that comes late costs half a
 * minute.
 */
const TOR_NETWORKS: Lane = { maxJobs: 2 };

const DEFAULT: Load = { cores: 1, seconds: 1 };

/** Short tests with servers and a daemon, which mostly wait. */
const PROTOCOL: Load = { cores: 0.6, seconds: 4 };

/** Files that take five seconds or more. Most of them mostly wait, and run beside others. */
export const LOADS: Readonly<Record<string, Load>> = {
  'bench/costs/doh/doh.test.ts': { cores: 1, seconds: 15 },
  'bench/costs/hits/hits.test.ts': { cores: 1.3, seconds: 7 },
  'bench/costs/neighbours/neighbours.test.ts': { cores: 0.5, seconds: 7 },
  'bench/day/day-run.test.ts': { cores: 1, seconds: 6 },
  'test/browsers/chromium.test.ts': { cores: 1, seconds: 12 },
  'test/browsers/firefox.test.ts': { cores: 1, seconds: 18 },
  'test/chaos/chaos.test.ts': { cores: 0.4, seconds: 156, lane: TOR_NETWORKS },
  'test/cli/check-and-start.test.ts': { cores: 1, seconds: 9 },
  'test/cli/main.test.ts': { cores: 1, seconds: 9 },
  'test/e2e/onion.test.ts': { cores: 0.5, seconds: 87, lane: TOR_NETWORKS },
  'test/fixtures/namespace/internet.test.ts': { cores: 0.6, seconds: 5 },
  'test/fixtures/tor/tor-network.test.ts': { cores: 0.4, seconds: 25, lane: TOR_NETWORKS },
  'test/leaks/bridge.test.ts': { cores: 0.4, seconds: 62, lane: TOR_NETWORKS },
  'test/leaks/encrypted.test.ts': { cores: 0.8, seconds: 9 },
  'test/leaks/phases.test.ts': { cores: 0.5, seconds: 65, lane: TOR_NETWORKS },
  'test/leaks/upstream-connections.test.ts': { cores: 0.5, seconds: 14 },
  'test/packaging/installation.test.ts': { cores: 0.8, seconds: 58, patient: true },
  'test/packaging/npm.test.ts': { cores: 0.7, seconds: 6, patient: true },
  'test/packaging/package.test.ts': { cores: 1, seconds: 40, patient: true },
  'test/packaging/resolv-conf-writers.test.ts': { cores: 0.6, seconds: 8, patient: true },
  'test/page/page.test.ts': { cores: 0.3, seconds: 49 },
  'test/protocol/clients/addresses.test.ts': { cores: 0.9, seconds: 10 },
  'test/protocol/upstream/broken-domain.test.ts': { cores: 0.4, seconds: 8 },
  'test/protocol/messages/differential.test.ts': { cores: 0.8, seconds: 10 },
  'test/protocol/upstream/dropping-query.test.ts': { cores: 0.8, seconds: 6 },
  'test/protocol/machine/environment.test.ts': { cores: 0.9, seconds: 9 },
  'test/protocol/handed-over.test.ts': { cores: 0.9, seconds: 9 },
  'test/protocol/encrypted/hostile-answers.test.ts': { cores: 1, seconds: 6 },
  'test/protocol/encrypted/hostile-http1-clients.test.ts': { cores: 0.8, seconds: 15 },
  'test/protocol/encrypted/hostile-http2-clients.test.ts': { cores: 0.8, seconds: 20 },
  'test/protocol/upstream/hostile-http2.test.ts': { cores: 1.1, seconds: 15 },
  'test/protocol/encrypted/hostile-requests.test.ts': { cores: 0.7, seconds: 7 },
  'test/protocol/encrypted/hostile-tls-clients.test.ts': { cores: 1, seconds: 14 },
  'test/protocol/clients/in-flight.test.ts': { cores: 0.8, seconds: 18 },
  'test/protocol/machine/install.test.ts': { cores: 0.9, seconds: 7 },
  'test/protocol/messages/local-names.test.ts': { cores: 0.3, seconds: 12 },
  'test/protocol/clients/memory.test.ts': { cores: 1.1, seconds: 23, patient: true },
  'test/protocol/machine/metrics-attacks.test.ts': { cores: 0.9, seconds: 9 },
  'test/protocol/clients/million-names.test.ts': { cores: 1, seconds: 29, patient: true },
  'test/protocol/clients/neighbours.test.ts': { cores: 1, seconds: 6 },
  'test/protocol/upstream/outage.test.ts': { cores: 0.8, seconds: 9 },
  'test/protocol/machine/prometheus.test.ts': { cores: 0.4, seconds: 12 },
  'test/protocol/upstream/several-upstreams.test.ts': { cores: 0.4, seconds: 7 },
  'test/protocol/upstream/silence.test.ts': { cores: 0.5, seconds: 6 },
  'test/protocol/upstream/silent-circuits.test.ts': { cores: 0.3, seconds: 15 },
  'test/protocol/upstream/stale.test.ts': { cores: 0.3, seconds: 11 },
  'test/protocol/clients/tcp-connections.test.ts': { cores: 0.8, seconds: 12 },
  'test/protocol/clients/tcp-messages.test.ts': { cores: 0.6, seconds: 9 },
  'test/protocol/upstream/turned-away.test.ts': { cores: 1.1, seconds: 11 },
  'test/protocol/upstream/upstream-answers.test.ts': { cores: 0.5, seconds: 9 },
  'test/protocol/upstream/upstream-connection.test.ts': { cores: 0.5, seconds: 33 },
  'test/situations/situations.test.ts': { cores: 0.7, seconds: 100, lane: TOR_NETWORKS },
  'test/system/force.test.ts': { cores: 0.6, seconds: 10 },
  'test/system/interruptions.test.ts': { cores: 0.5, seconds: 57, patient: true },
};

/** Files that take longer do not delay the first results. */
const QUICK_SECONDS = 5;

export function isQuick(file: string): boolean {
  return loadOf(file).seconds <= QUICK_SECONDS;
}

/** Longest first, so that no long file is left to run by itself at the end. */
export function byDuration(files: readonly string[]): string[] {
  return files.toSorted((a, b) => loadOf(b).seconds - loadOf(a).seconds);
}

export function loadOf(file: string): Load {
  return LOADS[file] ?? (file.startsWith('test/protocol/') ? PROTOCOL : DEFAULT);
}
