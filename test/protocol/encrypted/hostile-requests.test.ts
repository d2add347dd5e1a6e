import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FRAME } from '../../fixtures/dns/http2-frames.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { type EncryptedLab, startEncryptedLab } from './encrypted-lab.ts';
import { connectHostileHttp2 } from './hostile-http2-client.ts';
import { malformedRequests, wellFormedRequest } from './malformed-requests.ts';
import { assertNoConnections, assertServedUnder } from './under-attack.ts';

const ANSWER_TIMEOUT_MS = 10_000;
const BODY_BYTES = 100 * 2 ** 20;
const ZEROS = Buffer.alloc(64 * 1024);
/** How much of a body that is too large may be taken before the client is told: what fits into buffers on the way. */
const MAX_TAKEN_BYTES = 16 * 2 ** 20;
const TYPE = 'application/dns-message';

let lab: EncryptedLab;
before(async () => {
  lab = await startEncryptedLab(['127.0.0.1'], '--tcp-idle-timeout', '1s', '--tcp-message-timeout', '500ms');
});
after(() => lab[Symbol.asyncDispose]());

test('malformed HTTP/2 requests are refused and ask nothing (RFC 9113 §8.1.1); the same request without a fault is answered', async () => {
  const { refused, cleaned } = malformedRequests('x');
  /** Sends frames on their own connection until something is answered. */
  const send = async (frames: Buffer | undefined): Promise<Readonly<Record<number, number>>> => {
    assert.ok(frames !== undefined);
    const client = await connectHostileHttp2({ port: lab.ports.doh, ca: lab.ca });
    client.socket.write(frames);
    await waitUntil('the request is answered or refused', ANSWER_TIMEOUT_MS, () => {
      const { received } = client;
      return client.turnedAway || (received[FRAME.headers] ?? 0) + (received[FRAME.rstStream] ?? 0) > 0;
    });
    client.socket.destroy();
    return client.received;
  };
  let serial = 0;
  const upstreamQueries = (kind: 'refused' | 'cleaned', whats: readonly string[]): Promise<readonly number[]> =>
    Promise.all(
      whats.map(async (what) => {
        const name = `malformed${serial++}.dns4tor-lab.net`;
        await send(malformedRequests(name)[kind][what]);
        return lab.asked(name);
      }),
    );
  const whats = Object.keys(refused);
  const asked = await upstreamQueries('refused', whats);
  assert.deepEqual(
    whats.filter((_, index) => asked[index] !== 0),
    [],
  );
  const queries = (): Promise<number> => lab.counter('coredns_dns_requests_total', { proto: 'doh' });
  assert.equal(await queries(), 0);
  const cleanable = Object.keys(cleaned);
  assert.deepEqual(new Set(await upstreamQueries('cleaned', cleanable)), new Set([1]));
  assert.equal(await queries(), cleanable.length);

  const received = await send(wellFormedRequest('well-formed.dns4tor-lab.net'));
  assert.equal(received[FRAME.headers], 1);
  assert.equal(lab.asked('well-formed.dns4tor-lab.net'), 1);
});

interface Outcome {
  readonly status: number;
  /** How much of the body has been sent. */
  readonly sentBytes: number;
}

/** Sends a request over HTTP/2, whose body has this length and repeats `part`. */
async function overHttp2(headers: OutgoingHttpHeaders, bodyBytes: number, part = ZEROS): Promise<Outcome> {
  const session = connect(`https://127.0.0.1:${lab.ports.doh}`, { ca: lab.ca });
  session.on('error', () => {});
  // The server's limits hold once the client has acknowledged them (RFC 9113 §6.5.3).
  await once(session, 'remoteSettings');
  const stream = session.request(
    { ':method': 'POST', ':path': '/dns-query', ...headers },
    { endStream: bodyBytes === 0 },
  );
  stream.on('error', () => {});
  stream.resume();
  let status = 0;
  stream.on('response', (response) => (status = response[':status'] ?? 0));
  const isOver = (): boolean => status > 0 || stream.destroyed;
  const sentBytes = await writeBody(stream, bodyBytes, part, isOver);
  await waitUntil('it is answered', ANSWER_TIMEOUT_MS, isOver);
  session.destroy();
  return { status, sentBytes };
}

/** The same over HTTP/1.1. */
async function overHttp1(headers: OutgoingHttpHeaders, bodyBytes: number, part = ZEROS): Promise<Outcome> {
  const { ':path': path = '/dns-query', ':method': method = 'POST', ...others } = headers;
  const outgoing = request({
    host: '127.0.0.1',
    port: lab.ports.doh,
    ca: lab.ca,
    method: String(method),
    path: String(path),
    headers: others,
    agent: false,
  });
  let status = 0;
  outgoing.on('response', (response) => {
    status = response.statusCode ?? 0;
    response.resume();
  });
  outgoing.on('error', () => {});
  const isOver = (): boolean => status > 0 || outgoing.destroyed;
  const sentBytes = await writeBody(outgoing, bodyBytes, part, isOver);
  if (bodyBytes === 0) outgoing.end();
  await waitUntil('it is answered', ANSWER_TIMEOUT_MS, isOver);
  outgoing.destroy();
  return { status, sentBytes };
}

async function writeBody(
  to: NodeJS.WritableStream,
  bytes: number,
  part: Uint8Array,
  isOver: () => boolean,
): Promise<number> {
  let sent = 0;
  while (sent < bytes && !isOver()) {
    const hasRoom = to.write(part);
    sent += part.length;
    if (hasRoom) continue;
    const room = new AbortController();
    // A stream that has been answered may never have room again.
    const timer = setInterval(() => isOver() && room.abort(), 20);
    await once(to, 'drain', { signal: room.signal }).catch(() => {});
    clearInterval(timer);
  }
  return sent;
}

for (const [version, send] of [
  ['HTTP/2', overHttp2],
  ['HTTP/1.1', overHttp1],
] as const) {
  test(`a body of 100 MB gets 413 over ${version} before it is sent, with and without a length; memory is bounded`, async (t) => {
    await assertServedUnder(t, lab, async () => {
      for (const length of [{ 'content-length': String(BODY_BYTES) }, {}]) {
        const { status, sentBytes } = await send({ 'content-type': TYPE, ...length }, BODY_BYTES);
        assert.equal(status, 413);
        assert.ok(sentBytes < MAX_TAKEN_BYTES, `${sentBytes} octets`);
      }
    });
  });

  test(`a compressed body gets 415 over ${version} and is not decompressed; memory is bounded`, async (t) => {
    const bomb = gzipSync(Buffer.alloc(BODY_BYTES));
    await assertServedUnder(t, lab, async () => {
      for (const coding of ['gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'gzip, gzip', 'GZIP', 'identity, gzip']) {
        const { status } = await send({ 'content-type': TYPE, 'content-encoding': coding }, bomb.length, bomb);
        assert.equal(status, 415, coding);
      }
    });
  });

  test(`an oversized dns parameter is refused over ${version}, and the largest that fits is answered`, async () => {
    const large = Buffer.concat([buildQuery({ id: 0 }), Buffer.alloc(11_000)]).toString('base64url');
    const get = (dns: string): OutgoingHttpHeaders => ({ ':method': 'GET', ':path': `/dns-query?dns=${dns}` });
    assert.equal((await send(get(large), 0)).status, 200);
    for (const length of [20_000, 60_000, 100_000]) {
      const { status } = await send(get('A'.repeat(length)), 0);
      // HTTP/2 resets the stream, without a status.
      assert.ok([0, 400, 413, 414, 431].includes(status), `${length} characters: ${status}`);
    }
  });

  test(`a message of 65,535 octets is taken over ${version}, and one octet more is not`, async () => {
    const requests = await Promise.all(
      [65_535, 65_536].map((length) =>
        sendExactly(version, Buffer.concat([buildQuery({ id: 0 }), Buffer.alloc(length)]).subarray(0, length)),
      ),
    );
    assert.deepEqual(requests, [200, 413]);
  });
}

/** Posts exactly these octets. */
async function sendExactly(version: 'HTTP/2' | 'HTTP/1.1', body: Uint8Array): Promise<number> {
  const options = { ca: lab.ca };
  const headers = { 'content-type': TYPE, 'content-length': String(body.length) };
  if (version === 'HTTP/1.1') {
    const url = `https://127.0.0.1:${lab.ports.doh}/dns-query`;
    const outgoing = request(url, { ...options, method: 'POST', headers, agent: false });
    outgoing.on('error', () => {});
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    await buffer(response);
    return response.statusCode;
  }
  const session = connect(`https://127.0.0.1:${lab.ports.doh}`, options);
  const stream = session.request({ ':method': 'POST', ':path': '/dns-query', ...headers });
  stream.on('error', () => {});
  stream.end(body);
  const [response] = await once(stream, 'response');
  stream.resume();
  session.destroy();
  return response[':status'];
}

test('the connections are closed, and the log shows no defect', async () => {
  await assertNoConnections(lab);
  await assertUnharmed(lab.daemon);
});
