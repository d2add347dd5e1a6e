import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import { type ErrorCode, failureText } from '../../../src/failures/failures.ts';
import * as behaviours from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour, DohReply } from '../../fixtures/dns/recording-doh-server.ts';
import { advanceUntilSettled, answer, answerTo, outcomes, queryFor, startRig } from '../rig.ts';

/** Answers every query, with the reply changed by `change`. */
function changed(change: (reply: Buffer) => Partial<DohReply> | void): DohBehaviour {
  return ({ query }) => {
    const body = answerTo(query);
    return { body, ...change(body) };
  };
}

test('a request is the padded query with ID 0 and a fixed set of headers', async () => {
  await using rig = await startRig(answer);
  const reply = await rig.ask('www.Example.com');
  const [request] = rig.server.requests;
  assert.ok(request !== undefined);
  assert.deepEqual(Object.fromEntries(Object.entries(request.headers)), {
    ':method': 'POST',
    ':path': '/dns-query',
    ':scheme': 'https',
    ':authority': 'doh.test',
    accept: 'application/dns-message',
    'content-type': 'application/dns-message',
    'content-length': '128',
  });
  assert.deepEqual(request.query, Buffer.from(queryFor('www.example.com')));
  assert.equal(Buffer.from(request.query).readUInt16BE(0), 0);
  assert.equal(request.query.length % 128, 0);
  assert.deepEqual(Buffer.from(reply), answerTo(request.query));
});

test('requests do not depend on earlier ones', async () => {
  await using rig = await startRig(({ query }) => ({ body: answerTo(query), headers: { 'set-cookie': 'a=b' } }));
  await rig.ask('first.test');
  await rig.ask('other.test');
  assert.deepEqual({ ...rig.server.requests[1]?.headers }, { ...rig.server.requests[0]?.headers });
  assert.equal(rig.server.connections, 1);
});

const REJECTED: readonly (readonly [string, DohBehaviour, ErrorCode])[] = [
  ['HTTP status 500', changed(() => ({ status: 500 })), 'ERR_DOH_STATUS'],
  ['HTTP status 429', changed(() => ({ status: 429 })), 'ERR_DOH_STATUS'],
  ['HTTP status 404', changed(() => ({ status: 404 })), 'ERR_DOH_STATUS'],
  ['HTTP status 302', changed(() => ({ status: 302, headers: { location: '/' } })), 'ERR_DOH_STATUS'],
  ['another content type', changed(() => ({ headers: { 'content-type': 'text/html' } })), 'ERR_DOH_CONTENT_TYPE'],
  ['an empty body', changed(() => ({ body: new Uint8Array(0) })), 'ERR_RESPONSE_MALFORMED'],
  ['half a header', changed((reply) => ({ body: reply.subarray(0, 6) })), 'ERR_RESPONSE_MALFORMED'],
  ['half a question', changed((reply) => ({ body: reply.subarray(0, 16) })), 'ERR_RESPONSE_MISMATCH'],
  ['QR=0', changed(behaviours.notAReply), 'ERR_RESPONSE_MALFORMED'],
  ['TC=1', changed(behaviours.truncated), 'ERR_RESPONSE_TRUNCATED'],
  ['another ID', changed(behaviours.wrongId), 'ERR_RESPONSE_MISMATCH'],
  ['another name', changed(behaviours.wrongQuestion), 'ERR_RESPONSE_MISMATCH'],
  ['another type', changed((reply) => void reply.writeUInt16BE(28, 12 + 10)), 'ERR_RESPONSE_MISMATCH'],
  ['two questions', changed((reply) => void reply.writeUInt16BE(2, 4)), 'ERR_RESPONSE_MISMATCH'],
  ['another opcode', changed((reply) => void reply.writeUInt8(0xa0, 2)), 'ERR_RESPONSE_MISMATCH'],
];

for (const [what, behaviour, code] of REJECTED) {
  test(`${what} from the server is ${code} after a retry on a new connection, which stays in use`, async () => {
    await using rig = await startRig(behaviour);
    await assert.rejects(rig.ask('one.test'), { code });
    assert.equal(rig.server.requests.length, 2);
    rig.server.behaviour = answer;
    await rig.ask('two.test');
    assert.equal(rig.server.connections, 2);
  });
}

test('an HTTP error names its status and no query', async () => {
  await using rig = await startRig(changed(() => ({ status: 503 })));
  const message = `HTTP status 503: ${failureText('ERR_DOH_STATUS')}`;
  await assert.rejects(rig.ask('canary.test'), { code: 'ERR_DOH_STATUS', message });
});

test('an HTTP error has the delay of Retry-After in every form of RFC 9110 §10.2.3', async () => {
  const forms = [
    [{ 'retry-after': '120' }, 120_000],
    [{ 'retry-after': 'Sun, 06 Nov 1994 08:50:07 GMT', date: 'Sun, 06 Nov 1994 08:49:37 GMT' }, 30_000],
    [{}, undefined],
  ] as const;
  for (const [headers, retryAfterMs] of forms) {
    await using rig = await startRig(changed(() => ({ status: 503, headers })));
    await assert.rejects(rig.ask('one.test'), { code: 'ERR_DOH_STATUS', status: 503, retryAfterMs });
  }
});

test('the case of content type and name does not matter, and parameters are ignored', async () => {
  await using rig = await startRig(
    changed((reply) => {
      reply.set(Buffer.from('ONE'), 13);
      return { headers: { 'content-type': 'Application/DNS-Message; charset=utf-8' } };
    }),
  );
  assert.equal(decode(Buffer.from(await rig.ask('one.test'))).questions?.[0]?.name, 'ONE.test');
});

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(7000);
}

test('a body above 65,535 bytes is aborted early, and other queries on the connection are answered', async () => {
  await using rig = await startRig(({ query }) =>
    Buffer.from(query).includes('large') ? { body: endless() } : { body: answerTo(query) },
  );
  const pending = Array.from({ length: 20 }, (_, i) => rig.ask(i === 7 ? 'large.test' : `n${i}.test`));
  const settled = await Promise.allSettled(pending);
  assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 19);
  await assert.rejects(pending[7] as Promise<Uint8Array>, { code: 'ERR_DOH_BODY_SIZE' });
  await rig.ask('after.test');
  assert.equal(rig.server.connections, 1);
});

test('a body of 65,535 bytes is accepted', async () => {
  await using rig = await startRig(({ query }) => ({
    body: Buffer.concat([answerTo(query)], 65_535),
  }));
  assert.equal((await rig.ask('one.test')).length, 65_535);
});

test('Age is subtracted from the TTLs, down to zero', async () => {
  const ages = ['250', '301', '-5', 'x', '1e2'];
  await using rig = await startRig(changed(() => ({ headers: { age: ages.shift() ?? '0' } })));
  const ttls: (number | undefined)[] = [];
  for (let i = 0; i < 5; i++) {
    const [record] = decode(Buffer.from(await rig.ask('one.test'))).answers ?? [];
    ttls.push(record !== undefined && 'ttl' in record ? record.ttl : undefined);
  }
  assert.deepEqual(ttls, [50, 0, 300, 300, 300]);
});

test('each attempt counts once by outcome, and is timed if it succeeded', async () => {
  await using rig = await startRig(answer);
  await rig.ask('one.test');
  rig.server.behaviour = changed(() => ({ status: 500 }));
  await assert.rejects(rig.ask('two.test'));
  rig.server.behaviour = behaviours.dropConnection;
  await assert.rejects(advanceUntilSettled(rig, rig.ask('three.test')));
  // The query twice, and the probe that checks whether the resolver answers.
  assert.deepEqual(outcomes(rig.counters), { ok: 1, doh_status: 1, upstream_connection: 3 });
  assert.equal(rig.counters.totals.exchangeSeconds[0]?.[0]?.cumulative().at(-1), 1);
});

test('RFC 9110 §15.2: 16 informational responses are skipped, and a 17th closes the connection', async () => {
  await using rig = await startRig(answer);
  const after = (count: number): DohBehaviour => {
    return ({ query }) =>
      (stream) => {
        for (let i = 0; i < count; i++) stream.additionalHeaders({ ':status': 103 });
        stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
        stream.end(answerTo(query));
      };
  };
  rig.server.behaviour = after(16);
  await rig.ask('few.test');
  rig.server.behaviour = after(17);
  await assert.rejects(advanceUntilSettled(rig, rig.ask('many.test')), { code: 'ERR_UPSTREAM_CONNECTION' });
});
