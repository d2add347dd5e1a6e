import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { Deadline } from '../../../src/lib/deadline.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { decodeMessage } from '../../../src/message/wire/codec.ts';
import { MAX_IN_FLIGHT } from '../../../src/upstream/transport/session.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { type DohServer, startDohServer } from '../../fixtures/dns/doh-server.ts';
import { framed } from '../../fixtures/dns/stream-server.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { answer, answerTo, queryFor, startDouble, startSession } from '../stream-rig.ts';

/** Constants of stream-session.ts. */
const MAX_OWED = 1000;
const SILENCE_MS = 12_000;

const PATIENCE_MS = 5000;

const TRANSPORTS: readonly (readonly [string, (server: DohServer, ca: Buffer) => Socket])[] = [
  ['TCP', ({ plainPort }) => connect(plainPort, '127.0.0.1')],
  ['TLS', ({ tlsPort }, ca) => connectTls({ host: '127.0.0.1', port: tlsPort, servername: 'dot.test', ca })],
];

for (const [transport, open] of TRANSPORTS) {
  test(`a real resolver answers a hundred concurrent queries over ${transport}`, async () => {
    await using authority = await startAuthoritativeServer();
    await using ca = await createCertificateAuthority();
    await using server = await startDohServer({ authority, certificate: await ca.issue(['dot.test']) });
    const socket = open(server, await readFile(ca.certificatePath));
    await once(socket, transport === 'TLS' ? 'secureConnect' : 'connect');
    using rig = startSession(socket, { random: systemRandom });

    const names = Array.from({ length: MAX_IN_FLIGHT }, (_, i) => `n${i}.wild.dns4tor-lab.net`);
    const answers = (await Promise.all(names.map((name) => rig.ask(name)))).map(decodeMessage);
    assert.deepEqual(
      answers.map(({ questions }) => questions?.[0]?.name),
      names,
    );
    assert.ok(answers.every(({ id, answers: records }) => id === 0 && records?.length === 1));
    assert.deepEqual(rig.events, ['first answer']);
  });
}

test('RFC 7766 §7: answers may come in any order and in any segments', async () => {
  await using rig = await startDouble();
  const names = ['one.test', 'two.test', 'three.test'];
  const pending = names.map((name) => rig.ask(name));
  await waitUntil('the queries arrive', PATIENCE_MS, () => rig.server.queries.length === names.length);
  const stream = Buffer.concat(rig.server.queries.toReversed().map((query) => framed(answerTo(query))));
  rig.server.sockets[0]?.setNoDelay(true);
  for (const octet of stream) rig.server.sockets[0]?.write(Buffer.of(octet));
  const answers = await Promise.all(pending);
  assert.deepEqual(
    answers,
    names.map((name) => answerTo(queryFor(name))),
  );
});

test('RFC 7766 §6.2.1: queries in flight have unique random IDs, and the caller sees 0', async () => {
  await using rig = await startDouble(undefined, {
    random: { fraction: () => 0, bytes: () => Uint8Array.of(0xff, 0xff) },
  });
  const query = queryFor('one.test');
  const pending = Array.from({ length: 3 }, () => rig.session.exchange(query, Deadline.after(rig.clock, 1000)));
  await waitUntil('the queries arrive', PATIENCE_MS, () => rig.server.queries.length === 3);
  assert.deepEqual(
    rig.server.queries.map((sent) => sent.readUInt16BE()),
    [0xffff, 0, 1],
  );
  assert.deepEqual(query, queryFor('one.test'));
  for (const sent of rig.server.queries) answer(sent, rig.server.sockets[0] as Socket);
  for (const response of await Promise.all(pending)) assert.deepEqual(response, answerTo(query));
});

test('the capacity is a hundred queries, and is restored when they are answered', async () => {
  await using rig = await startDouble();
  assert.equal(rig.session.capacity, MAX_IN_FLIGHT);
  const pending = Array.from({ length: MAX_IN_FLIGHT }, (_, i) => rig.ask(`n${i}.test`));
  assert.equal(rig.session.capacity, 0);
  assert.equal(rig.session.inFlight, MAX_IN_FLIGHT);
  assert.ok(rig.session.isUnanswered);
  await waitUntil('the queries arrive', PATIENCE_MS, () => rig.server.queries.length === MAX_IN_FLIGHT);
  for (const query of rig.server.queries) answer(query, rig.server.sockets[0] as Socket);
  await Promise.all(pending);
  assert.equal(rig.session.capacity, MAX_IN_FLIGHT);
  assert.equal(rig.session.inFlight, 0);
  assert.ok(rig.session.hasAnswered && !rig.session.isUnanswered);
  assert.deepEqual(rig.events, ['first answer']);
  assert.deepEqual(
    rig.capacities,
    Array.from({ length: MAX_IN_FLIGHT }, (_, i) => i + 1),
  );
});

test('a query whose deadline passes frees its place, but not its ID until the late answer arrives', async () => {
  let second: Promise<Uint8Array> | undefined;
  await using rig = await startDouble(undefined, {
    // A waiting query would take the place like this.
    onCapacity: () => {
      second ??= rig.ask('second.test');
    },
  });
  const idOf = async (index: number): Promise<number | undefined> => {
    await waitUntil('the query arrives', PATIENCE_MS, () => rig.server.queries.length > index);
    return rig.server.queries[index]?.readUInt16BE();
  };
  const late = rig.ask('late.test', 1000);
  assert.equal(await idOf(0), 0);
  rig.clock.advance(1000);
  await assert.rejects(late, { code: 'ERR_DEADLINE' });
  assert.deepEqual(rig.capacities, [MAX_IN_FLIGHT]);
  assert.equal(await idOf(1), 1);

  const [socket] = rig.server.sockets as [Socket];
  for (const query of rig.server.queries) answer(query, socket);
  assert.deepEqual(await second, answerTo(queryFor('second.test')));

  const third = rig.ask('third.test');
  assert.equal(await idOf(2), 0);
  answer(rig.server.queries[2] as Buffer, socket);
  assert.deepEqual(await third, answerTo(queryFor('third.test')));
});

test('a connection that owes answers to abandoned queries is not reported as stalled', async () => {
  await using rig = await startDouble((query, socket) => {
    if (query.includes('kept')) answer(query, socket);
  });
  const patient = assert.rejects(rig.ask('patient.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
  for (let i = 0; rig.session.capacity > 0; i++) {
    assert.ok(i <= MAX_OWED);
    const ending = new AbortController();
    const deadline = new Deadline(rig.clock, rig.clock.now() + 10_000, ending.signal);
    const given = assert.rejects(rig.session.exchange(queryFor(`n${i}.test`), deadline), { code: 'ERR_GIVEN_UP' });
    ending.abort();
    await given;
  }
  await patient;
});

test('a connection that owes a thousand answers is closed', async () => {
  await using rig = await startDouble((query, socket) => {
    if (query.includes('kept')) answer(query, socket);
  });
  for (let i = 1; i < MAX_OWED / MAX_IN_FLIGHT; i++) {
    const pending = Array.from({ length: MAX_IN_FLIGHT }, (_, j) => rig.ask(`n${i}-${j}.test`, 1000));
    rig.clock.advance(1000);
    await Promise.allSettled(pending);
    // Other answers keep the watchdog quiet.
    await rig.ask(`kept${i}.test`);
  }
  const patient = rig.ask('patient.test');
  const last = Array.from({ length: MAX_IN_FLIGHT - 1 }, (_, j) => rig.ask(`n-${j}.test`, 1000));
  rig.clock.advance(1000);
  await Promise.allSettled(last);
  assert.deepEqual(rig.events, ['first answer']);
  const straw = rig.ask('straw.test', 1000);
  rig.clock.advance(1000);
  await assert.rejects(straw, { code: 'ERR_DEADLINE' });
  await assert.rejects(patient, { code: 'ERR_UPSTREAM_STALLED' });
  assert.equal(rig.session.capacity, 0);
});

const NO_ANSWERS: readonly (readonly [string, (query: Buffer) => Buffer])[] = [
  ['an answer to a query that was never sent', (query) => framed(withId(answerTo(query), 7))],
  ['a query', framed],
  ['an empty message', () => Buffer.of(0, 0)],
  ['a message shorter than a header', (query) => framed(answerTo(query).subarray(0, 11))],
  ['an HTTP response', () => Buffer.from(`HTTP/1.1 400 Bad Request\r\n\r\n${'.'.repeat(0x4854)}`)],
];

for (const [what, reply] of NO_ANSWERS) {
  test(`${what} closes the connection, and the queries in flight are lost`, async () => {
    await using rig = await startDouble((query, socket) => socket.write(reply(query)));
    await assert.rejects(rig.ask('one.test'), (error: Dns4torError) => {
      assert.equal(error.code, 'ERR_UPSTREAM_CONNECTION');
      assert.equal((error.cause as Dns4torError).code, 'ERR_RESPONSE_MALFORMED');
      return true;
    });
    assert.ok(rig.session.isUnanswered);
    await waitUntil('the socket is closed', PATIENCE_MS, () => rig.events.length === 2);
    assert.deepEqual(rig.events, ['retired', 'closed']);
    assert.equal(rig.clock.pendingTimers, 0);
  });
}

test('a second answer to one query closes the connection, and nothing after it is accepted', async () => {
  await using rig = await startDouble((query, socket) => {
    if (!query.includes('second')) return;
    const [first, second] = rig.server.queries.map((sent) => framed(answerTo(sent)));
    socket.write(Buffer.concat([first as Buffer, first as Buffer, second as Buffer]));
  });
  const first = rig.ask('first.test');
  const second = rig.ask('second.test');
  await first;
  await assert.rejects(second, { code: 'ERR_UPSTREAM_CONNECTION' });
});

test('after a message that closes the connection, not even a late answer is accepted', async () => {
  await using rig = await startDouble((query, socket) => {
    if (query.includes('second')) {
      socket.write(Buffer.concat([Buffer.of(0, 0), framed(answerTo(rig.server.queries[0] as Buffer))]));
    }
  });
  const late = rig.ask('late.test', 1000);
  rig.clock.advance(1000);
  await assert.rejects(late, { code: 'ERR_DEADLINE' });
  await assert.rejects(rig.ask('second.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
  assert.deepEqual(rig.events, ['retired']);
});

test('RFC 7766 §6.2.3: a server may close an idle connection', async () => {
  await using rig = await startDouble(answer);
  await rig.ask('one.test');
  rig.server.sockets[0]?.end();
  await waitUntil('the socket is closed', PATIENCE_MS, () => rig.events.includes('closed'));
  assert.deepEqual(rig.events, ['first answer', 'retired', 'closed']);
  assert.equal(rig.session.capacity, 0);
  await assert.rejects(rig.ask('two.test'), { code: 'ERR_UPSTREAM_CONNECTION' });
});

test('RFC 7766 §6.2.4: queries in flight are lost when the server closes the connection', async () => {
  await using rig = await startDouble((query, socket) => {
    if (query.includes('second')) socket.end(framed(answerTo(rig.server.queries[0] as Buffer)));
  });
  const first = rig.ask('first.test');
  const second = rig.ask('second.test');
  await first;
  await assert.rejects(second, { code: 'ERR_UPSTREAM_CONNECTION' });
  rig.clock.advance(SILENCE_MS);
  assert.equal(rig.clock.pendingTimers, 0);
});

test('the socket error is the cause of the rejection', async () => {
  await using rig = await startDouble((_query, socket) => socket.resetAndDestroy());
  await assert.rejects(rig.ask('one.test'), (error: Dns4torError) => {
    assert.equal(error.code, 'ERR_UPSTREAM_CONNECTION');
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNRESET');
    return true;
  });
});

test('silence while queries wait closes the connection; half an answer is not silence', async () => {
  await using rig = await startDouble();
  const pending = rig.ask('one.test');
  await waitUntil('the query arrives', PATIENCE_MS, () => rig.server.queries.length === 1);
  rig.clock.advance(SILENCE_MS - 1);
  const whole = framed(answerTo(rig.server.queries[0] as Buffer));
  rig.server.sockets[0]?.write(whole.subarray(0, 20));
  await waitUntil('it has arrived', PATIENCE_MS, () => rig.socket.bytesRead === 20);
  rig.clock.advance(SILENCE_MS);
  assert.equal(rig.session.inFlight, 1);
  rig.clock.advance(1);
  await assert.rejects(pending, { code: 'ERR_UPSTREAM_STALLED' });
  assert.equal(rig.clock.pendingTimers, 0);
});

test('destroying a session retires it first, then rejects the queries in flight with the reason', async () => {
  await using rig = await startDouble();
  const pending = rig.ask('one.test').catch((error: unknown) => ({ error, events: [...rig.events] }));
  rig.session.destroy(new Dns4torError('ERR_SHUTDOWN'));
  const { error, events } = (await pending) as { error: Dns4torError; events: string[] };
  assert.equal(error.code, 'ERR_SHUTDOWN');
  assert.equal(events[0], 'retired');
  assert.equal(rig.clock.pendingTimers, 0);
});

function withId(message: Buffer, id: number): Buffer {
  message.writeUInt16BE(id);
  return message;
}
