import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';
import { readStatus, watchStatus } from '../../src/client/status-feed.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';

const NEVER = new AbortController().signal;

interface Server extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
}

/** Starts a server that answers all requests with the listener. */
async function serve(answer: RequestListener): Promise<Server> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return {
    address: bound.address,
    port: bound.port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function statusOf(uptimeSeconds: number): string {
  return JSON.stringify({ format: 1, uptimeSeconds, lastHour: {} });
}

function event(uptimeSeconds: number): string {
  return `data: ${statusOf(uptimeSeconds)}\n\n`;
}

async function collect(server: Server, signal = NEVER, clock = systemClock): Promise<number[]> {
  const seen: number[] = [];
  for await (const snapshot of watchStatus(server, clock, signal)) seen.push(snapshot.uptimeSeconds);
  return seen;
}

const UNANSWERED = { code: 'ERR_STATUS_UNANSWERED' };

test('events are parsed however the stream is split, until the reader stops', async () => {
  await using server = await serve((request, response) => {
    assert.equal(request.url, '/api/events');
    response.write(`retry: 1000\n${event(1).slice(0, 20)}`);
    response.write(event(1).slice(20) + event(2) + event(3).slice(0, 5));
    response.write(event(3).slice(5));
  });
  const seen: number[] = [];
  for await (const snapshot of watchStatus(server, systemClock, NEVER)) {
    seen.push(snapshot.uptimeSeconds);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [1, 2, 3]);
});

test('an invalid status, the end of the stream and a refusal are errors', async () => {
  const answers: readonly RequestListener[] = [
    (_, response) => response.end(event(1)),
    (_, response) => response.writeHead(503).end(event(1)),
    (_, response) => response.write('data: {"format":2,"lastHour":{}}\n\n'),
    (_, response) => response.write('data: null\n\n'),
    (_, response) => response.write('data: {\n\n'),
    (_, response) => response.write('x'.repeat(2 << 20)),
    (request) => request.socket.destroy(),
  ];
  for (const answer of answers) {
    await using server = await serve(answer);
    await assert.rejects(collect(server), UNANSWERED);
  }
});

test('with too many watchers, the status is read once', async () => {
  await using server = await serve((request, response) => {
    if (request.url === '/api/events') response.writeHead(503).end('Too many');
    else response.end(statusOf(7));
  });
  assert.deepEqual(await collect(server), [7]);
});

test('a single reading does not count as a watcher, and an invalid status is an error', async () => {
  const paths: (string | undefined)[] = [];
  await using server = await serve((request, response) => {
    paths.push(request.url);
    response.end(statusOf(7));
  });
  assert.equal((await readStatus(server, systemClock)).uptimeSeconds, 7);
  assert.deepEqual(paths, ['/api/status']);
  const answers: readonly RequestListener[] = [
    (_, response) => response.writeHead(500).end(statusOf(7)),
    (_, response) => response.end('{"format":2,"lastHour":{}}'),
    (_, response) => response.end('x'.repeat(2 << 20)),
    (request) => request.socket.destroy(),
  ];
  for (const answer of answers) {
    await using other = await serve(answer);
    await assert.rejects(readStatus(other, systemClock), UNANSWERED);
  }
});

test('a reading times out after five seconds', async () => {
  const clock = new ManualClock();
  let asked = false;
  await using server = await serve(() => (asked = true));
  const reading = readStatus(server, clock);
  await waitUntil('the server is asked', 5000, async () => asked);
  clock.advance(5000);
  await assert.rejects(reading, UNANSWERED);
  assert.equal(clock.pendingTimers, 0);
});

test('watching times out after five seconds of silence, before and after the first event', async () => {
  for (const first of ['', event(1)]) {
    const clock = new ManualClock();
    let asked = false;
    await using server = await serve((_, response) => {
      asked = true;
      response.write(first === '' ? '\n' : first);
    });
    const seen: StatusSnapshot[] = [];
    const watching = (async () => {
      for await (const snapshot of watchStatus(server, clock, NEVER)) seen.push(snapshot);
    })();
    await waitUntil('the response has started', 5000, async () => asked && (first === '' || seen.length > 0));
    assert.equal(clock.untilNextMs, 5000);
    clock.advance(5000);
    await assert.rejects(watching, UNANSWERED);
    assert.equal(clock.pendingTimers, 0);
  }
});

test('an abort ends watching without an error', async () => {
  const leaving = new AbortController();
  await using server = await serve((_, response) => response.write(event(1)));
  const watching = (async () => {
    for await (const _ of watchStatus(server, systemClock, leaving.signal)) leaving.abort();
  })();
  await watching;
});
