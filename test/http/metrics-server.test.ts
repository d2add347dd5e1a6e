import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dns4torError } from '../../src/failures/errors.ts';
import type { MetricsEndpoint } from '../../src/http/http-listener.ts';
import { type MetricsServerOptions, type Readiness, startMetricsServer } from '../../src/http/metrics-server.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { createFixture } from '../metrics/scrape.ts';

const TIMEOUT_MS = 10_000;

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const PAGE = { contentType: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html>') };

function at(host: string, port = 0): MetricsEndpoint {
  return { kind: 'tcp', host, port };
}

function options(changes: Partial<MetricsServerOptions> = {}): MetricsServerOptions {
  return {
    endpoint: at('localhost'),
    exposition: { contentType: 'text/plain; version=0.0.4; charset=utf-8', render: async () => 'up 1\n' },
    ready: async () => ({ ready: true, state: 'working', detail: 'answers come through Tor' }),
    status: () => ({ state: 'working' }),
    readPageFile: async (path) => (path === '/' ? PAGE : undefined),
    clock: new ManualClock(),
    onError: (error) => assert.fail(error),
    ...changes,
  };
}

async function ask(
  address: string,
  path: string,
  { method = 'GET', headers = {}, agent }: { method?: string; headers?: Record<string, string>; agent?: Agent } = {},
): Promise<Answer> {
  const sent = request(`http://${address}${path}`, { method, headers, agent: agent ?? false });
  sent.end();
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function connected(address: string): Promise<Socket> {
  const { hostname, port } = new URL(`http://${address}`);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

const listenCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof Dns4torError && error.code === code;

test('a scrape gets the exposition with its content type, and forbids sniffing and storing', async () => {
  const { exposition, counters } = createFixture();
  await using server = await startMetricsServer(options({ exposition }));
  counters.coalesced();
  const answer = await ask(server.address, '/metrics?ignored=1');
  assert.equal(answer.status, 200);
  assert.match(answer.body, /^dns4tor_coalesced_total 1$/m);
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['cache-control'], 'no-store');
});

test('localhost is 127.0.0.1, and port 0 picks a free port, which the address names', async () => {
  await using server = await startMetricsServer(options({ endpoint: at('localhost') }));
  assert.match(server.address, /^127\.0\.0\.1:[1-9]\d*$/);
});

test('the health check is 200 while the process is alive, ready or not', async () => {
  await using server = await startMetricsServer(
    options({ ready: async () => ({ ready: false, state: 'starting', detail: 'no Tor' }) }),
  );
  const answer = await ask(server.address, '/healthcheck');
  assert.equal(answer.status, 200);
  assert.equal(answer.body, 'OK\n');
});

test('readiness is 503 until there is an answer through Tor, and names its reason', async () => {
  let readiness: Readiness = { ready: false, state: 'starting', detail: 'no answer yet' };
  await using server = await startMetricsServer(options({ ready: async () => readiness }));
  const before = await ask(server.address, '/ready');
  assert.equal(before.status, 503);
  assert.equal(before.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(before.body), { status: 503, ready: false, state: 'starting', detail: 'no answer yet' });
  readiness = { ready: true, state: 'working', detail: 'answered', lastAnswerSecondsAgo: 3 };
  const after = await ask(server.address, '/ready');
  assert.equal(after.status, 200);
  assert.deepEqual(JSON.parse(after.body), {
    status: 200,
    ready: true,
    state: 'working',
    detail: 'answered',
    lastAnswerSecondsAgo: 3,
  });
});

test('the status is JSON, read for each request', async () => {
  let asked = 0;
  await using server = await startMetricsServer(options({ status: () => ({ asked: ++asked }) }));
  const answer = await ask(server.address, '/api/status');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.body, '{"asked":1}\n');
  assert.equal((await ask(server.address, '/api/status')).body, '{"asked":2}\n');
});

test('the page may run and fetch only what this server serves, and is never framed', async () => {
  await using server = await startMetricsServer(options());
  const { status, headers, body } = await ask(server.address, '/');
  assert.equal(status, 200);
  assert.equal(body, '<!doctype html>');
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  const policy = headers['content-security-policy'] ?? '';
  assert.deepEqual(String(policy).split('; '), [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
  assert.equal(headers['referrer-policy'], 'no-referrer');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
});

test('HEAD has the headers of GET and no body', async () => {
  await using server = await startMetricsServer(options());
  for (const path of ['/', '/metrics', '/healthcheck', '/ready', '/api/status']) {
    const get = await ask(server.address, path);
    const head = await ask(server.address, path, { method: 'HEAD' });
    assert.equal(head.status, get.status);
    assert.equal(head.headers['content-length'], String(get.body.length));
    assert.equal(head.headers['content-type'], get.headers['content-type']);
    assert.equal(head.body, '');
  }
});

test('any other method is refused, naming the allowed methods', async () => {
  await using server = await startMetricsServer(options());
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    for (const path of ['/', '/metrics', '/api/status', '/api/events']) {
      const answer = await ask(server.address, path, { method });
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.equal(answer.headers['allow'], 'GET, HEAD');
      assert.equal(answer.headers['connection'], 'close');
    }
  }
});

test('any other path is not found, with every method', async () => {
  await using server = await startMetricsServer(options());
  for (const path of ['/page/', '/metrics/', '/Metrics', '/debug/pprof', '/../metrics2', '//']) {
    assert.equal((await ask(server.address, path)).status, 404, path);
    assert.equal((await ask(server.address, path, { method: 'POST' })).status, 404, path);
  }
});

/** For programs that scrape and probe. */
const FOR_PROGRAMS = ['/metrics', '/healthcheck', '/ready'];
const FOR_BROWSERS = ['/api/status', '/', '/no-such-page'];

test('a browser that was led here by a rebound name gets nothing', async () => {
  await using server = await startMetricsServer(options());
  const marks = { 'accept-language': '', cookie: 'a=b', origin: 'null', referer: 'http://rebound.example/' };
  for (const path of [...FOR_PROGRAMS, ...FOR_BROWSERS, '/api/events']) {
    for (const [name, value] of Object.entries({ ...marks, 'sec-fetch-site': 'same-origin' })) {
      const answer = await ask(server.address, path, { headers: { host: 'rebound.example', [name]: value } });
      assert.equal(answer.status, 403, `${path} with ${name}`);
      assert.doesNotMatch(answer.body, /up 1/);
    }
  }
  const ours = { host: 'localhost:1', 'accept-language': 'en' };
  assert.equal((await ask(server.address, '/metrics', { headers: ours })).status, 200);
});

test('programs that scrape and probe may name any host; the page and the API may be requested by address only', async () => {
  await using server = await startMetricsServer(options());
  for (const host of ['dns4tor', 'dns4tor.monitoring.svc:9053', '10.1.2.3:9053']) {
    for (const path of FOR_PROGRAMS) {
      assert.equal((await ask(server.address, path, { headers: { host } })).status, 200, `${host}${path}`);
    }
    for (const path of FOR_BROWSERS) {
      assert.equal((await ask(server.address, path, { headers: { host } })).status, 403, `${host}${path}`);
    }
  }
});

test('a host name of the server is accepted for every path, in any case and with any port; others are not', async () => {
  await using server = await startMetricsServer(options({ hostNames: ['nas.lan', 'dns4tor'] }));
  for (const host of ['nas.lan', 'NAS.lan:9053', 'dns4tor:80']) {
    for (const path of [...FOR_PROGRAMS, '/api/status', '/']) {
      const headers = { host, 'accept-language': 'en' };
      assert.equal((await ask(server.address, path, { headers })).status, 200, `${host}${path}`);
    }
  }
  for (const host of ['lan', 'x.nas.lan', 'nas.lan.rebound.example', 'rebound.example']) {
    assert.equal((await ask(server.address, '/', { headers: { host } })).status, 403, host);
  }
});

test('a defect is reported to the daemon, and to the client only as a status', async () => {
  const told: Dns4torError[] = [];
  const defect = new Error('secret');
  const failing = async (): Promise<never> => {
    throw defect;
  };
  await using server = await startMetricsServer(
    options({
      exposition: { contentType: 'text/plain', render: failing },
      ready: failing,
      status() {
        throw defect;
      },
      onError: (error) => told.push(error),
    }),
  );
  for (const path of ['/metrics', '/ready', '/api/status']) {
    const answer = await ask(server.address, path);
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.body, /secret|at .*:\d+/);
  }
  assert.deepEqual(
    told.map(({ code, cause }) => ({ code, cause })),
    Array.from({ length: 3 }, () => ({ code: 'ERR_INTERNAL', cause: defect })),
  );
});

test('input that is not HTTP gets status 400 and nothing else', async () => {
  await using server = await startMetricsServer(options());
  const socket = await connected(server.address);
  socket.end('\u0000\u001d\u0012\u0034 not HTTP\r\n\r\n');
  assert.match(await text(socket), /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n\r\n$/);
});

test('an oversized header is refused', async () => {
  await using server = await startMetricsServer(options());
  assert.equal((await ask(server.address, '/metrics', { headers: { long: 'x'.repeat(8_192) } })).status, 431);
});

/**
 * Sends these octets on a new connection and returns everything that comes back. The end is a reset if some octets are
 * left unread.
 */
async function send(address: string, octets: string): Promise<string> {
  const socket = await connected(address);
  let received = '';
  socket.on('error', () => {}).on('data', (chunk) => (received += String(chunk)));
  socket.write(octets);
  await new Promise((resolve) => socket.on('close', resolve));
  return received;
}

const REQUEST = 'GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n';

test('a message that two parsers could read differently is refused', async () => {
  await using server = await startMetricsServer(options());
  const messages = {
    'two Hosts': 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n',
    'two Hosts in HTTP/1.0': 'GET /metrics HTTP/1.0\r\nHost: localhost\r\nhost: rebound.example\r\n\r\n',
    'a second Host behind thousands of headers': `GET /metrics HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(2030)}Host: b\r\n\r\n`,
    'no Host': 'GET /metrics HTTP/1.1\r\n\r\n',
    'an invalid Host': 'GET /metrics HTTP/1.1\r\nHost: localhost@rebound.example\r\n\r\n',
    'a Host with a fold': 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n rebound.example\r\n\r\n',
    'a space before the colon': 'GET /metrics HTTP/1.1\r\nHost : localhost\r\n\r\n',
    'two lengths': 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'a length and chunks':
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'a carriage return alone': 'GET /metrics HTTP/1.1\r\nHost: localhost\rHost: rebound.example\r\n\r\n',
    'another protocol': 'GET /metrics HTTP/3.7\r\nHost: localhost\r\n\r\n',
  };
  for (const [what, message] of Object.entries(messages)) {
    const answer = await send(server.address, message);
    assert.match(answer, /^HTTP\/1\.1 (?:400|505) /, what);
    assert.match(answer, /^Connection: close\r$/im, what);
    assert.doesNotMatch(answer, /up 1/, what);
  }
});

test('an absolute-form target is judged by its host, and other forms are refused', async () => {
  await using server = await startMetricsServer(options());
  const status = async (line: string): Promise<string | undefined> =>
    (await send(server.address, `${line} HTTP/1.1\r\nHost: localhost\r\nExpect: nothing\r\n\r\n`)).split(' ')[1];
  assert.equal(await status('GET http://localhost/metrics'), '200');
  assert.equal(await status('GET http://rebound.example/'), '403');
  assert.equal(await status('GET http://rebound.example/metrics'), '200');
  assert.equal(await status('GET //rebound.example/metrics'), '404');
  assert.equal(await status('OPTIONS *'), '404');
  assert.equal(await status('CONNECT rebound.example:80'), undefined);
});

test('a connection is closed after its answer, and pipelined requests are neither answered nor parsed', async () => {
  let asked = 0;
  await using server = await startMetricsServer(options({ status: () => ({ asked: ++asked }) }));
  const asking = 'GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n';
  for (const rest of [asking, asking.repeat(5000), 'POST', '\u0000\u0001']) {
    const answers = await send(server.address, asking + rest);
    assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200']);
    assert.match(answers, /^Connection: close\r$/m);
  }
  assert.equal(asked, 4);
});

test('a request is answered however it is split, and also if the client closes its side at once', async () => {
  await using server = await startMetricsServer(options());
  const socket = await connected(server.address);
  socket.setNoDelay(true);
  for (const octet of REQUEST) {
    socket.write(octet);
    await setImmediate();
  }
  assert.match(await text(socket), /^HTTP\/1\.1 200 /);
  const ended = await connected(server.address);
  ended.end(REQUEST);
  assert.match(await text(ended), /^HTTP\/1\.1 200 /);
});

test('a connection without a complete request after a second is closed, with a 408 if it sent part of one', async () => {
  const clock = new ManualClock();
  await using server = await startMetricsServer(options({ clock }));
  assert.equal(clock.pendingTimers, 0);
  const silent = await connected(server.address);
  const begun = await connected(server.address);
  begun.write(REQUEST.slice(0, -2));
  const heard = [text(silent), text(begun)];
  await waitUntil('both are there', TIMEOUT_MS, () => clock.pendingTimers === 2);
  clock.advance(999);
  begun.write('A: b\r\n');
  // This request is answered after everything that was read before.
  await ask(server.address, '/healthcheck');
  clock.advance(1);
  const [fromSilent, fromBegun] = await Promise.all(heard);
  assert.equal(fromSilent, '');
  assert.match(fromBegun ?? '', /^HTTP\/1\.1 408 /);
  await waitUntil('no timer is left', TIMEOUT_MS, () => clock.pendingTimers === 0);
});

test('an unread answer is abandoned after five seconds', async () => {
  const clock = new ManualClock();
  const render = async (): Promise<string> => 'x'.repeat(32 * 1024 * 1024);
  await using server = await startMetricsServer(options({ clock, exposition: { contentType: 'text/plain', render } }));
  const socket = await connected(server.address);
  socket.pause();
  socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await waitUntil('it is answered', TIMEOUT_MS, () => clock.untilNextMs === 5000);
  clock.advance(5000);
  assert.equal(clock.pendingTimers, 0);
  let received = 0;
  socket.on('error', () => {}).on('data', (chunk) => (received += chunk.length));
  socket.resume();
  await new Promise((resolve) => socket.on('close', resolve));
  assert.ok(received < 32 * 1024 * 1024);
});

test('beyond 256 connections without a request, the oldest are closed and the next request is answered', async () => {
  await using server = await startMetricsServer(options());
  const sockets: Socket[] = [];
  let closed = 0;
  for (let opened = 0; opened < 400; opened++) {
    const socket = await connected(server.address);
    socket.on('error', () => {}).on('close', () => closed++);
    sockets.push(socket.resume());
  }
  assert.equal((await ask(server.address, '/healthcheck')).status, 200);
  await waitUntil('some are closed', TIMEOUT_MS, () => closed > 100);
  assert.ok(sockets[0]?.destroyed);
  const last = sockets.at(-1);
  last?.write(REQUEST);
  const [answer] = last === undefined ? [] : await once(last, 'data');
  assert.match(String(answer), /^HTTP\/1\.1 200 /);
  for (const socket of sockets) socket.destroy();
});

test('beyond 64 requests that wait for an answer, the oldest are closed and the next is answered', async () => {
  await using server = await startMetricsServer(options({ ready: () => new Promise(() => {}) }));
  const sockets: Socket[] = [];
  let closed = 0;
  for (let opened = 0; opened < 100; opened++) {
    const socket = await connected(server.address);
    socket.on('error', () => {}).on('close', () => closed++);
    socket.resume().write('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n');
    sockets.push(socket);
  }
  assert.equal((await ask(server.address, '/healthcheck')).status, 200);
  await waitUntil('some are closed', TIMEOUT_MS, () => closed >= 36);
  assert.ok(sockets[0]?.destroyed);
  assert.ok(!sockets.at(-1)?.destroyed);
  for (const socket of sockets) socket.destroy();
});

test('without a port the server listens on 9053 and, if that is taken, on a free port', async () => {
  const usual: MetricsEndpoint = { kind: 'tcp', host: '127.0.0.53', port: undefined };
  await using first = await startMetricsServer(options({ endpoint: usual }));
  assert.equal(first.address, '127.0.0.53:9053');
  assert.equal(first.isElsewhere, false);
  await using second = await startMetricsServer(options({ endpoint: usual }));
  assert.match(second.address, /^127\.0\.0\.53:[1-9]\d*$/);
  assert.equal(second.isElsewhere, true);
  assert.equal((await ask(second.address, '/healthcheck')).status, 200);
  const elsewhere = startMetricsServer(options({ endpoint: { ...usual, host: '192.0.2.1' } }));
  await assert.rejects(elsewhere, listenCode('ERR_LISTEN_ADDRESS'));
});

test('the errors for a busy port and for a foreign address name the address', async () => {
  await using server = await startMetricsServer(options());
  const port = Number(server.address.split(':')[1]);
  await assert.rejects(
    startMetricsServer(options({ endpoint: at('localhost', port) })),
    listenCode('ERR_LISTEN_IN_USE'),
  );
  await assert.rejects(startMetricsServer(options({ endpoint: at('localhost', port) })), {
    message: new RegExp(`^127\\.0\\.0\\.1:${port}: `),
  });
  await assert.rejects(startMetricsServer(options({ endpoint: at('192.0.2.1') })), listenCode('ERR_LISTEN_ADDRESS'));
});

test('a host name other than localhost is refused without a lookup', async () => {
  await assert.rejects(startMetricsServer(options({ endpoint: at('name.invalid') })), listenCode('ERR_LISTEN_ADDRESS'));
  await assert.rejects(startMetricsServer(options({ endpoint: at('') })), listenCode('ERR_LISTEN_ADDRESS'));
});

test('closing ends idle connections, answers requests in flight, and accepts nothing new', async () => {
  const clock = new ManualClock();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Readiness>();
  const server = await startMetricsServer(
    options({
      clock,
      ready() {
        asked.resolve();
        return answer.promise;
      },
    }),
  );
  const agent = new Agent({ keepAlive: true });
  const inFlight = ask(server.address, '/ready', { agent });
  await asked.promise;
  const idle = await connected(server.address);
  idle.write('GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(idle, 'data');

  const closed = server[Symbol.asyncDispose]();
  await once(idle.resume(), 'close');
  await assert.rejects(connected(server.address), { code: 'ECONNREFUSED' });
  answer.resolve({ ready: true, state: 'working', detail: 'in time' });
  const { status, headers } = await inFlight;
  assert.equal(status, 200);
  assert.equal(headers.connection, 'close');
  await closed;
  assert.equal(clock.pendingTimers, 0);
  await server[Symbol.asyncDispose]();
});

test('closing waits at most a second for requests in flight', async () => {
  const clock = new ManualClock();
  const asked = Promise.withResolvers<void>();
  const server = await startMetricsServer(
    options({
      clock,
      ready() {
        asked.resolve();
        return new Promise(() => {});
      },
    }),
  );
  const inFlight = ask(server.address, '/ready');
  await asked.promise;
  const closed = server[Symbol.asyncDispose]();
  const refused = assert.rejects(inFlight, { code: 'ECONNRESET' });
  clock.advance(1_000);
  await refused;
  await closed;
});
