import { startBehindDouble } from '../fixtures/behind-double.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { buildQuery, type QuerySpec, rawName } from '../fixtures/messages.ts';
import type { DohBehaviour, RecordingDohServer } from '../fixtures/recording-doh-server.ts';
import { exchange, type Transport } from './raw-client.ts';
import { readReply, type Reply } from './reply.ts';
import { GOOD, questionOf } from './upstream-messages.ts';

/** The running command behind a DoH server that works, but for the names that a test gives another behaviour. */
export interface Lab extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly upstream: RecordingDohServer;
  /** What upstream does with questions about this name. Undefined makes it work again. */
  behave(name: string, behaviour: DohBehaviour | undefined): void;
  /** How often upstream was asked about this name, whatever the type. */
  asked(name: string): number;
  /** Asks on a socket of its own; a query is built of what is no bytes. */
  ask(transport: Transport, query: QuerySpec | Uint8Array): Promise<Reply>;
  /** The sum of a metric's series that have these labels. */
  counter(metric: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/** Resolves when answers come, so that no probe for readiness meets what a test has upstream do. */
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

/** In small letters, as every name goes upstream. */
function keyOf(name: string): string {
  const labels = name === '' ? [] : name.toLowerCase().split('.');
  return Buffer.from(rawName(...labels)).toString('latin1');
}

function nameKey(query: Uint8Array): string {
  return Buffer.from(questionOf(query).subarray(0, -4)).toString('latin1');
}

/** The sum of a metric's series that have these labels, in the text that Prometheus reads. */
export function sumOf(exposition: string, metric: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return exposition
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}
