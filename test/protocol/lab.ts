import { startBehindDouble } from '../fixtures/dns/behind-double.ts';
import { buildQuery, type QuerySpec, rawName } from '../fixtures/dns/messages.ts';
import type { DohBehaviour, RecordingDohServer } from '../fixtures/dns/recording-doh-server.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import { exchange, type Transport } from './raw-client.ts';
import { type Reply, readReply } from './reply.ts';
import { GOOD, questionOf } from './upstream-messages.ts';

/** A running dns4tor with a working DoH server, except for names to which a test gives another behaviour. */
export interface Lab extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly upstream: RecordingDohServer;
  /** Sets upstream's behaviour for a name. Undefined makes it work again. */
  behave(name: string, behaviour: DohBehaviour | undefined): void;
  /** Number of upstream queries for a name, of any type. */
  asked(name: string): number;
  /** Sends a query on its own socket. Builds it unless it is bytes. */
  ask(transport: Transport, query: QuerySpec | Uint8Array): Promise<Reply>;
  /** The sum of a metric's time series with these labels. */
  counter(metric: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/** Resolves when answers arrive, so that no readiness probe meets the behaviours of a test. */
export async function startLab(...flags: readonly string[]): Promise<Lab> {
  await using resources = new AsyncDisposableStack();
  const byName = new Map<string, DohBehaviour>();
  const { daemon, upstream } = resources.use(
    await startBehindDouble((request) => (byName.get(nameKey(request.query)) ?? GOOD)(request), ...flags),
  );
  await daemon.answers();
  const running = resources.move();
  return {
    daemon,
    upstream,
    behave(name, behaviour) {
      if (behaviour === undefined) byName.delete(keyOf(name));
      else byName.set(keyOf(name), behaviour);
    },
    asked: (name) => upstream.requests.filter(({ query }) => nameKey(query) === keyOf(name)).length,
    ask: async (transport, query) => {
      const wire = query instanceof Uint8Array ? query : buildQuery(query);
      return readReply(await exchange(transport, daemon, wire));
    },
    counter: async (metric, labels = {}) => sumOf((await daemon.page('/metrics')).body, metric, labels),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** In lower case, as names are sent upstream. */
function keyOf(name: string): string {
  const labels = name === '' ? [] : name.toLowerCase().split('.');
  return Buffer.from(rawName(...labels)).toString('latin1');
}

function nameKey(query: Uint8Array): string {
  return Buffer.from(questionOf(query).subarray(0, -4)).toString('latin1');
}

/** The sum of a metric's time series with these labels, from the exposition text. */
export function sumOf(exposition: string, metric: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return exposition
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}
