import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { Deadline } from '../../../src/lib/deadline.ts';
import { DohSession } from '../../../src/upstream/transport/doh-session.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../../fixtures/certificates.ts';
import { neverAnswer } from '../../fixtures/dns/doh-behaviours.ts';
import { type Attack, startHostileHttp2 } from '../../fixtures/dns/hostile-http2.ts';
import { startHttp1DohServer } from '../../fixtures/dns/http1-doh-server.ts';
import { FRAME, frame, SETTING, settings, u32 } from '../../fixtures/dns/http2-frames.ts';
import { type DohBehaviour, startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { answer, answerTo, queryFor } from '../rig.ts';

let authority: CertificateAuthority;
let certificate: ServerCertificate;
let ca: Buffer;

before(async () => {
  authority = await createCertificateAuthority();
  certificate = await authority.issue(['doh.test']);
  ca = await readFile(authority.certificatePath);
});
after(() => authority[Symbol.asyncDispose]());

interface Opened extends Disposable {
  readonly session: DohSession;
  readonly clock: ManualClock;
  readonly socket: TLSSocket;
  /** `retired` with the code of its reason, `closed`, or the milliseconds of a round trip. */
  readonly events: readonly (string | number)[];
  ask(name: string, timeoutMs?: number): Promise<Uint8Array>;
}

/** Opens a session with the server at `port`, in the protocol negotiated by ALPN. */
async function open({ port }: { readonly port: number }): Promise<Opened> {
  const socket = connect({ port, servername: 'doh.test', ca, ALPNProtocols: ['h2', 'http/1.1'] });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  const clock = new ManualClock();
  const events: (string | number)[] = [];
  const session = new DohSession(clock, { url: new URL('https://doh.test/dns-query') }, socket, {
    onFirstAnswer() {},
    onCapacity() {},
    onRoundTrip: (durationMs) => events.push(durationMs),
    onRetire: (_session, reason) => events.push(reason === undefined ? 'retired' : `retired ${reason.code}`),
    onClose: () => events.push('closed'),
  });
  return {
    session,
    clock,
    socket,
    events,
    ask: (name, timeoutMs = 60_000) => session.exchange(queryFor(name), Deadline.after(clock, timeoutMs)),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

const startAttack = (attack: Attack) => startHostileHttp2(certificate, attack, answerTo);

async function turns(count = 100): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}

test("RFC 9113 §3.4: a burst of queries does not wait for the server's SETTINGS", async () => {
  let streams = 0;
  await using server = await startAttack({ onConnection() {}, acknowledges: false, onRequest: () => streams++ });
  using opened = await open(server);
  const pending = Array.from({ length: 100 }, (_, i) => opened.ask(`n${i}.test`));
  const lost = Promise.all(pending.map((one) => assert.rejects(one, { code: 'ERR_SHUTDOWN' })));
  await waitUntil('all reach the server', 5000, () => streams === 100);
  assert.equal(opened.session.capacity, 0);
  opened.session.destroy(new Dns4torError('ERR_SHUTDOWN'));
  await lost;
});

test("the capacity is the server's limit, but at most 100", async () => {
  let socket: TLSSocket | undefined;
  await using server = await startAttack({
    onConnection(connection) {
      ({ socket } = connection);
      socket.write(settings([SETTING.maxConcurrentStreams, 7]));
    },
  });
  using opened = await open(server);
  assert.equal(opened.session.capacity, 100);
  await waitUntil('the limit holds', 5000, () => opened.session.capacity === 7);
  socket?.write(settings([SETTING.maxConcurrentStreams, 1000]));
  await waitUntil('the limit is lifted', 5000, () => opened.session.capacity === 100);
});

test('a server that allows zero streams for 10 s counts as stalled', async () => {
  await using server = await startAttack({
    onConnection: ({ socket }) => socket.write(settings([SETTING.maxConcurrentStreams, 0])),
  });
  using opened = await open(server);
  await waitUntil('there is no capacity', 5000, () => opened.session.capacity === 0);
  await opened.clock.advanceAsync(9999);
  assert.deepEqual(opened.events, []);
  await opened.clock.advanceAsync(1);
  await waitUntil('it closes', 5000, () => opened.events.includes('closed'));
  assert.deepEqual(opened.events, ['retired ERR_UPSTREAM_STALLED', 'closed']);
});

test('the 10 s without capacity start when no query is in flight, and end when the limit rises', async () => {
  let socket: TLSSocket | undefined;
  await using server = await startAttack({
    onConnection(connection) {
      ({ socket } = connection);
      socket.write(settings());
    },
    onRequest: (connection) => connection.socket.write(settings([SETTING.maxConcurrentStreams, 0])),
  });
  using opened = await open(server);
  const pending = assert.rejects(opened.ask('one.test', 5000), { code: 'ERR_DEADLINE' });
  await waitUntil('there is no capacity', 5000, () => opened.session.capacity === 0);
  await opened.clock.advanceAsync(5000);
  await pending;
  await turns();
  await opened.clock.advanceAsync(9999);
  assert.deepEqual(opened.events, []);
  socket?.write(settings([SETTING.maxConcurrentStreams, 1]));
  await waitUntil('there is capacity', 5000, () => opened.session.capacity === 1);
  assert.equal(opened.clock.pendingTimers, 0);
});

test('a PING over HTTP/2 reports a round trip', async () => {
  await using server = await startRecordingDohServer(certificate, answer);
  using opened = await open(server);
  await opened.ask('one.test');
  opened.session.ping();
  opened.clock.advance(70);
  await waitUntil('the round trip is reported', 5000, () => opened.events.length > 0);
  assert.deepEqual(opened.events, [70]);
});

test('no PING is sent over HTTP/1.1', async () => {
  await using server = await startHttp1DohServer(certificate, answer);
  using opened = await open(server);
  await opened.ask('one.test');
  const { bytesWritten } = opened.socket;
  opened.session.ping();
  await turns();
  assert.equal(opened.socket.bytesWritten, bytesWritten);
});

const SERVERS = { 'HTTP/2': startRecordingDohServer, 'HTTP/1.1': startHttp1DohServer } as const;

for (const [protocol, start] of Object.entries(SERVERS)) {
  const startServer = (behaviour: DohBehaviour) => start(certificate, behaviour);

  test(`a session over ${protocol} takes no query after its socket has closed, and opens no other`, async () => {
    await using server = await startServer(answer);
    using opened = await open(server);
    await opened.ask('one.test');
    server.closeConnections();
    await waitUntil('the end is noticed', 5000, () => opened.events.includes('closed'));
    assert.deepEqual(opened.events, ['retired', 'closed']);
    assert.equal(opened.session.capacity, 0);
    await assert.rejects(opened.ask('two.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
    await turns();
    assert.deepEqual([server.connections, server.requests.length], [1, 1]);
  });

  test(`a session over ${protocol} on a closed socket retires`, async () => {
    await using server = await startServer(answer);
    using opened = await open(server);
    await opened.ask('one.test');
    opened.socket.destroy();
    const pending = assert.rejects(opened.ask('two.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
    await pending;
    await waitUntil('it retires', 5000, () => opened.events.includes('retired'));
    assert.equal(server.requests.length, 1);
  });

  test(`a query over ${protocol} is not sent if its session ends in the same tick`, async () => {
    await using server = await startServer(neverAnswer);
    using opened = await open(server);
    const pending = assert.rejects(opened.ask('one.test'), { code: 'ERR_SHUTDOWN' });
    opened.session.destroy(new Dns4torError('ERR_SHUTDOWN'));
    await pending;
    await once(opened.socket, 'close');
    assert.equal(opened.session.inFlight, 0);
    assert.equal(opened.clock.pendingTimers, 0);
  });

  test(`no timer closes an idle connection over ${protocol} or sends on it, whatever the server hints`, async (t) => {
    await using server = await startServer(({ query }) => ({
      body: answerTo(query),
      headers: protocol === 'HTTP/2' ? {} : { connection: 'keep-alive', 'keep-alive': 'timeout=1' },
    }));
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    using opened = await open(server);
    await opened.ask('one.test');
    await opened.clock.advanceAsync(10_000);
    await turns();
    const { bytesWritten } = opened.socket;
    for (let minute = 0; minute < 60; minute++) {
      t.mock.timers.tick(60_000);
      await turns(5);
    }
    assert.equal(opened.clock.pendingTimers, 0);
    assert.deepEqual([opened.socket.destroyed, opened.socket.bytesWritten], [false, bytesWritten]);
    await opened.ask('two.test');
    assert.equal(server.connections, 1);
  });
}

test('abandoning 1,000 queries, 100 per tick, leaves the session intact and no stream open', async () => {
  let [streams, resets] = [0, 0];
  await using server = await startAttack({ onRequest: () => streams++ });
  using opened = await open(server);
  await turns();
  for (let round = 0; round < 10; round++) {
    const pending = Array.from({ length: 100 }, (_, i) => opened.ask(`n${round}-${i}.test`, 5));
    const rejected = Promise.all(pending.map((one) => assert.rejects(one, { code: 'ERR_DEADLINE' })));
    if (round % 2 === 0) await turns(10);
    await opened.clock.advanceAsync(5);
    await rejected;
    await turns(10);
    assert.deepEqual([opened.session.inFlight, opened.session.capacity], [0, 100]);
    resets += 100;
  }
  assert.equal(opened.socket.destroyed, false);
  assert.ok(streams <= resets);
});

test('a GOAWAY retires the session at once, and an accepted query is still answered', async () => {
  let stream: ServerHttp2Stream | undefined;
  await using server = await startRecordingDohServer(certificate, () => (opened) => void (stream = opened));
  using opened = await open(server);
  const pending = opened.ask('one.test');
  await waitUntil('it reaches the server', 5000, () => server.requests.length === 1);
  stream?.session?.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1);
  await waitUntil('it retires', 5000, () => opened.events.length > 0);
  await assert.rejects(opened.ask('two.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
  stream?.respond({ ':status': 200, 'content-type': 'application/dns-message' });
  stream?.end(answerTo(queryFor('one.test')));
  await pending;
  await waitUntil('it closes', 5000, () => opened.events.length > 1);
  assert.deepEqual(opened.events, ['retired', 'closed']);
  assert.deepEqual([server.connections, server.requests.length], [1, 1]);
});

test('accepted queries fail if the connection is lost after a GOAWAY', async () => {
  let socket: TLSSocket | undefined;
  await using server = await startAttack({
    onRequest(connection) {
      ({ socket } = connection);
      socket.write(frame(FRAME.goaway, 0, 0, u32(2 ** 31 - 1, 0)));
    },
  });
  using opened = await open(server);
  const pending = assert.rejects(opened.ask('one.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
  await waitUntil('it retires', 5000, () => opened.events.length > 0);
  socket?.destroy();
  await pending;
  assert.equal(opened.session.inFlight, 0);
});
