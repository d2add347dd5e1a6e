import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { MAX_WATCHERS } from '../../src/http/event-stream.ts';
import { type MetricsServer, startMetricsServer } from '../../src/http/metrics-server.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';

const TIMEOUT_MS = 10_000;

interface Fixture extends AsyncDisposable {
  readonly server: MetricsServer;
  readonly clock: ManualClock;
  /** How often the state was read. */
  readonly asked: () => number;
  readonly watch: (method?: string) => Promise<Watcher>;
}

interface Watcher {
  readonly response: IncomingMessage;
  /** Resolves with everything received so far once it contains `text`. */
  readonly until: (text: string) => Promise<string>;
  readonly leave: () => void;
}

async function create(
  state: () => object = () => ({}),
  onError: (error: Error) => void = (error) => assert.fail(error),
): Promise<Fixture> {
  const clock = new ManualClock();
  let asked = 0;
  const server = await startMetricsServer({
    endpoint: { kind: 'tcp', host: 'localhost', port: 0 },
    exposition: { contentType: 'text/plain', render: async () => '' },
    ready: async () => ({ ready: true, state: 'working', detail: '' }),
    status: () => ({ asked: ++asked, ...state() }),
    readPageFile: async () => undefined,
    clock,
    onError,
  });
  return {
    server,
    clock,
    asked: () => asked,
    async watch(method = 'GET') {
      const sent = request(`http://${server.address}/api/events`, { method, agent: false });
      sent.on('error', () => {});
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.on('error', () => {});
      let received = '';
      response.setEncoding('utf8').on('data', (text: string) => (received += text));
      return {
        response,
        async until(text) {
          await waitUntil(`a watcher gets ${text}`, TIMEOUT_MS, () => received.includes(text));
          return received;
        },
        leave: () => sent.destroy(),
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test('a client gets the state at once, then every second', async () => {
  await using fixture = await create();
  const { clock, watch, asked } = fixture;
  const { response, until, leave } = await watch();
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers['content-type'], 'text/event-stream');
  assert.equal(response.headers['cache-control'], 'no-store');
  assert.equal(await until('\n\n'), 'retry: 1000\ndata: {"asked":1}\n\n');
  clock.advance(999);
  assert.equal(asked(), 1);
  clock.advance(1);
  assert.match(await until('"asked":2'), /\n\ndata: \{"asked":2\}\n\n$/);
  leave();
});

test('without clients no timer runs', async () => {
  await using fixture = await create();
  const { clock, watch } = fixture;
  assert.equal(clock.pendingTimers, 0);
  const watchers = [await watch(), await watch()];
  assert.equal(clock.pendingTimers, 1);
  for (const { leave } of watchers) leave();
  await waitUntil('the timer ends', TIMEOUT_MS, () => clock.pendingTimers === 0);
});

test('all clients share one reading per second', async () => {
  await using fixture = await create();
  const { clock, watch, asked } = fixture;
  const watchers = await Promise.all([watch(), watch(), watch()]);
  const before = asked();
  clock.advance(1000);
  assert.equal(asked(), before + 1);
  for (const { until, leave } of watchers) {
    await until(`"asked":${before + 1}`);
    leave();
  }
});

test('the number of streams is limited, and a client that disconnects makes room', async () => {
  await using fixture = await create();
  const { watch } = fixture;
  const watchers = await Promise.all(Array.from({ length: MAX_WATCHERS }, () => watch()));
  const refused = await watch();
  assert.equal(refused.response.statusCode, 503);
  watchers[0]?.leave();
  await waitUntil('there is room', TIMEOUT_MS, async () => {
    const { response, leave } = await watch();
    leave();
    return response.statusCode === 200;
  });
  for (const { leave } of watchers) leave();
});

test('a client that does not read is disconnected, and no other', async () => {
  await using fixture = await create(() => ({ filler: 'x'.repeat(1024 * 1024) }));
  const { server, clock, watch, asked } = fixture;
  const { hostname, port } = new URL(`http://${server.address}`);
  const deaf = connect(Number(port), hostname);
  deaf.on('error', () => {});
  deaf.pause();
  deaf.write('GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const { until, leave } = await watch();
  await waitUntil('both watch', TIMEOUT_MS, () => asked() === 2);
  const closed = once(deaf, 'close');
  for (let second = 0; second < 20; second++) {
    clock.advance(1000);
    await until(`"asked":${asked()}`);
  }
  // The data that the kernel holds can still be read. Then the stream ends.
  deaf.resume();
  await closed;
  clock.advance(1000);
  await until(`"asked":${asked()}`);
  leave();
});

test('HEAD gets the headers and no state', async () => {
  await using fixture = await create();
  const { clock, watch, asked } = fixture;
  const { response } = await watch('HEAD');
  await once(response, 'end');
  assert.equal(response.headers['content-type'], 'text/event-stream');
  assert.equal(asked(), 0);
  await waitUntil('its connection is closed', TIMEOUT_MS, () => clock.pendingTimers === 0);
});

test('a stream ends cleanly when the server closes', async () => {
  await using fixture = await create();
  const { server, clock, watch } = fixture;
  const { response, until } = await watch();
  await until('\n\n');
  const ended = once(response, 'end');
  await server[Symbol.asyncDispose]();
  await ended;
  assert.equal(response.complete, true);
  assert.equal(clock.pendingTimers, 0);
});

test('if the state cannot be read, new clients get status 500 and open streams end; both are reported, and later streams work', async () => {
  let broken = true;
  const errors: Error[] = [];
  const state = (): object => {
    if (broken) throw new TypeError('a defect');
    return {};
  };
  await using fixture = await create(state, (error) => errors.push(error));
  const { clock, watch } = fixture;
  const refused = await watch();
  assert.equal(refused.response.statusCode, 500);
  assert.equal(errors.length, 1);
  await waitUntil('its connection is closed', TIMEOUT_MS, () => clock.pendingTimers === 0);

  broken = false;
  const { response, until } = await watch();
  await until('\n\n');
  const ended = once(response, 'end');
  broken = true;
  clock.advance(1000);
  await ended;
  assert.deepEqual([errors.length, clock.pendingTimers], [2, 0]);

  broken = false;
  const again = await watch();
  await again.until('\n\n');
  again.leave();
});
