import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { delay } from '../../src/lib/clock.ts';
import { decodeProvenance, type Provenance } from '../../src/message/answer/provenance.ts';
import { EDNS_OPTION } from '../../src/message/wire/edns.ts';
import type { Query } from '../../src/model/query.ts';
import { ask, decodeReply, type QuerySpec } from '../fixtures/dns/messages.ts';
import { answerTo, createResolver, type Resolver, UpstreamDouble } from './harness.ts';

const OPTION = { code: EDNS_OPTION.provenance, data: new Uint8Array(0) };
const ASKING: QuerySpec = { edns: { options: [OPTION] } };
const PATH_URL = 'https://double.test/dns-query';

/** The provenance in a reply, if any. */
function provenanceOf(reply: Uint8Array): Provenance | undefined {
  for (const record of decodeReply(reply).additionals ?? []) {
    if (record.type !== 'OPT') continue;
    const option = record.options.find(({ code }) => (code as number) === EDNS_OPTION.provenance);
    if (option?.data !== undefined) return decodeProvenance(option.data);
  }
  return undefined;
}

/** A resolver that sends each question after 100 ms and gets the answer 1200 ms later. */
function createSlowResolver(): { resolver: Resolver; upstream: UpstreamDouble } {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream);
  const { clock } = resolver;
  upstream.answer = async (query, onAnswer) => {
    await delay(clock, 100);
    const sentAt = clock.now();
    await delay(clock, 1200);
    onAnswer?.({ upstream: PATH_URL, sentAt, secondTry: false });
    return answerTo(query);
  };
  return { resolver, upstream };
}

async function exchange(resolver: Resolver, spec: QuerySpec, waitMs = 1300): Promise<Uint8Array> {
  const reply = resolver.ask(spec);
  await resolver.clock.advanceAsync(waitMs);
  return reply;
}

test('an answer from upstream reports which upstream, and how long each stage took', async () => {
  const { resolver } = createSlowResolver();
  const reply = resolver.ask(ASKING);
  await resolver.clock.advanceAsync(100);
  await resolver.clock.advanceAsync(1200);
  assert.deepEqual(provenanceOf(await reply), {
    source: 'upstream',
    totalMs: 1300,
    upstream: PATH_URL,
    waitedMs: 100,
    askedMs: 1200,
    secondTry: false,
  });
});

test('a client that joins a question in flight has waited 0 ms for it to be sent', async () => {
  const { resolver } = createSlowResolver();
  const first = resolver.ask({});
  await resolver.clock.advanceAsync(500);
  const second = resolver.ask(ASKING);
  await resolver.clock.advanceAsync(800);
  await first;
  const how = provenanceOf(await second);
  assert.deepEqual([how?.waitedMs, how?.askedMs, how?.totalMs], [0, 800, 800]);
});

test('cached answers report their age, also expired ones, and local answers are reported as local', async () => {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream);
  await resolver.ask({});
  resolver.clock.advance(42_500);
  assert.deepEqual(provenanceOf(await resolver.ask(ASKING)), { source: 'cache', totalMs: 0, ageSeconds: 42 });
  upstream.answer = async () => {
    throw new Dns4torError('ERR_TOR_UNREACHABLE');
  };
  resolver.clock.advance(300_000);
  assert.deepEqual(provenanceOf(await resolver.ask(ASKING)), { source: 'stale', totalMs: 0, ageSeconds: 342 });
  const local = await resolver.ask({ ...ASKING, name: 'something.onion' });
  assert.deepEqual(provenanceOf(local), { source: 'local', totalMs: 0 });
  const failed = await resolver.ask({ ...ASKING, name: 'other.example' });
  assert.deepEqual(provenanceOf(failed), { source: 'failed', totalMs: 0 });
});

test('a reply without a request for provenance has no option', async () => {
  const resolver = createResolver(new UpstreamDouble());
  await resolver.ask({ edns: {} });
  for (const options of [[], [{ code: EDNS_OPTION.provenance + 1, data: new Uint8Array(0) }]]) {
    const [opt] = decodeReply(await resolver.ask({ edns: { options } })).additionals ?? [];
    assert.ok(opt?.type === 'OPT');
    assert.deepEqual(opt.options, []);
  }
});

test('only clients on this machine get provenance', async () => {
  const resolver = createResolver(new UpstreamDouble());
  const from = async (client: string): Promise<Uint8Array> => {
    const query: Query = { ...ask(ASKING), client };
    return resolver.handle(query);
  };
  for (const client of ['127.0.0.1', '127.8.8.8', '::1']) assert.ok(provenanceOf(await from(client)));
  const [plain, told] = [await from('192.0.2.7'), await from('fe80::1')];
  assert.equal(provenanceOf(plain), undefined);
  assert.deepEqual(plain, told);
  assert.equal(plain.length, (await resolver.ask({ edns: {} })).length);
});

test('the request for provenance does not reach the upstream', async () => {
  const { resolver, upstream } = createSlowResolver();
  await exchange(resolver, {});
  resolver.clock.advance(400_000_000);
  await exchange(resolver, ASKING);
  const [plain, asking] = upstream.queries;
  assert.ok(plain !== undefined);
  assert.deepEqual(asking, plain);
});

test('invalid provenance is rejected', () => {
  for (const text of ['', 'x', '[]', 'null', '{"source":"elsewhere","totalMs":1}', '{"source":"cache"}']) {
    assert.equal(decodeProvenance(Buffer.from(text)), undefined);
  }
});
