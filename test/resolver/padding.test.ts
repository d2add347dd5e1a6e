import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Dns4torError } from '../../src/failures/errors.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { OwnNames } from '../../src/policy/own-names.ts';
import { Policy } from '../../src/policy/policy.ts';
import {
  ask,
  buildQuery,
  decodeReply,
  type EdnsSpec,
  type QuerySpec,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawRecord,
  receive,
} from '../fixtures/dns/messages.ts';
import { answerBytes, replyBytes } from '../fixtures/dns/replies.ts';
import { PLAIN } from '../fixtures/policies.ts';
import { createResolver, type Resolver, UpstreamDouble } from './harness.ts';

const BLOCK = 468;
const LARGEST = 65_535;
const KEEPALIVE = 11;
const PADDING = 12;
const EXTENDED_ERROR = 15;
const OPTION_HEADER = 4;
const ENCRYPTED = ['dot', 'doh'] as const;

const PADDED: EdnsSpec = { options: [{ code: PADDING, data: new Uint8Array(7) }] };
const UNPADDED: EdnsSpec = {};

/** For private use (RFC 6895 §3.1), with any octets as RDATA. */
const TYPE = 65_280;
/** Size of header, question, and one record without its RDATA. */
const FIXED = 12 + 13 + 4 + 12;

/** A response of exactly this many octets, without an OPT record. */
function responseOf(bytes: number, ...labels: readonly string[]): Uint8Array {
  const questions = [rawQuestion(rawName(...labels), TYPE)];
  const fixed = rawMessage({ flags: 0, questions }).length + 12;
  const record = rawRecord(rawPointer(12), TYPE, 300, new Uint8Array(bytes - fixed).fill(0xee));
  return rawMessage({ flags: 0x8180, questions, answers: [record] });
}

function answerOf(bytes: number): ReturnType<typeof parseAnswer> {
  return parseAnswer(responseOf(bytes, 'example', 'com'));
}

/** The options of the reply's only OPT record. */
function optionsOf(reply: Uint8Array): readonly { readonly code: number; readonly data: Buffer }[] {
  const opts = (decodeReply(reply).additionals ?? []).flatMap((record) => (record.type === 'OPT' ? [record] : []));
  assert.equal(opts.length, 1);
  return opts[0]?.options as never;
}

/** Asserts that `reply` is `plain` and padding up to the next block. */
function assertPadded(reply: Uint8Array, plain: Uint8Array): void {
  const whole = Math.ceil((plain.length + OPTION_HEADER) / BLOCK) * BLOCK;
  assert.equal(reply.length, Math.min(whole, LARGEST));
  const options = optionsOf(reply);
  const padding = options.at(-1);
  assert.equal(padding?.code, PADDING);
  assert.ok(padding.data.every((octet) => octet === 0));
  assert.equal(padding.data.length, reply.length - plain.length - OPTION_HEADER);
  assert.deepEqual(options.slice(0, -1), optionsOf(plain));
  const { additionals: _opt, ...rest } = decodeReply(reply);
  const { additionals: _plainOpt, ...plainRest } = decodeReply(plain);
  assert.deepEqual(rest, plainRest);
}

test('RFC 8467 §4.1: the reply to a padded query is a multiple of 468 octets, whatever its length', () => {
  const sizes = fc.oneof(fc.integer({ min: FIXED, max: 1500 }), fc.integer({ min: FIXED, max: LARGEST - 20 }));
  fc.assert(
    fc.property(sizes, fc.constantFrom(...ENCRYPTED), (size, transport) => {
      const answer = answerOf(size);
      const plain = answerBytes(ask({ edns: UNPADDED }, transport), answer, 0);
      assertPadded(answerBytes(ask({ edns: PADDED }, transport), answer, 0), plain);
    }),
  );
});

test('a reply that just fits in its blocks with the option’s header is padded with no octets', () => {
  const answer = answerOf(2 * BLOCK - 11 - OPTION_HEADER);
  const reply = answerBytes(ask({ edns: PADDED }, 'dot'), answer, 0);
  assert.equal(reply.length, 2 * BLOCK);
  assert.deepEqual(
    optionsOf(reply).map(({ code, data }) => [code, data.length]),
    [[PADDING, 0]],
  );
});

test('a padded reply never exceeds a message, and a longer one is left as it is (RFC 1035 §4.2.2)', () => {
  for (const [bytes, expected] of [
    [65_520, LARGEST],
    [LARGEST - 11 - 4, LARGEST],
    [LARGEST - 11 - 3, LARGEST - 3],
    [LARGEST - 11, LARGEST],
  ] as const) {
    const reply = answerBytes(ask({ edns: PADDED }, 'dot'), answerOf(bytes), 0);
    assert.equal(reply.length, expected, `an answer of ${bytes} octets`);
    assert.equal(decodeReply(reply).flag_tc, false);
  }
});

test('a truncated reply is padded', () => {
  const answer = answerOf(LARGEST - 10);
  const reply = answerBytes(ask({ edns: PADDED }, 'doh'), answer, 0);
  assert.equal(decodeReply(reply).flag_tc, true);
  assertPadded(reply, answerBytes(ask({ edns: UNPADDED }, 'doh'), answer, 0));
});

test('RFC 7830 §6: no reply over UDP or TCP is padded', () => {
  for (const transport of ['udp', 'tcp'] as const) {
    const [padded, plain] = [ask({ edns: PADDED }, transport), ask({ edns: UNPADDED }, transport)];
    assert.deepEqual(answerBytes(padded, answerOf(100), 0), answerBytes(plain, answerOf(100), 0));
    assert.deepEqual(replyBytes(padded, 2), replyBytes(plain, 2));
  }
});

test('the reply to a query that is not padded is not padded', () => {
  for (const transport of ENCRYPTED) {
    const sent = [undefined, UNPADDED, { options: [{ code: KEEPALIVE, data: new Uint8Array(0) }] }];
    for (const edns of sent) {
      const query = ask(edns === undefined ? {} : { edns }, transport);
      assert.ok(answerBytes(query, answerOf(100), 0).length < BLOCK);
      assert.ok(replyBytes(query, 2).length < BLOCK);
    }
  }
});

test('RFC 8467 §3: padding is the last option, after keepalive and the extended error', () => {
  const keepalive = { code: KEEPALIVE, data: new Uint8Array(0) };
  const padding = { code: PADDING, data: new Uint8Array(0) };
  const error = { code: 23, text: 'no way' };
  const reply = replyBytes(ask({ edns: { options: [padding, keepalive] } }, 'dot'), 2, error);
  assertPadded(reply, replyBytes(ask({ edns: { options: [keepalive] } }, 'dot'), 2, error));
  assert.deepEqual(
    optionsOf(reply).map(({ code }) => code),
    [EXTENDED_ERROR, KEEPALIVE, PADDING],
  );
});

test('refusals of malformed queries and of EDNS versions are padded; replies without an OPT record are not', () => {
  const badVersion = (edns: EdnsSpec): Uint8Array => replyBytes(ask({ edns: { ...edns, version: 1 } }, 'dot'), 16);
  assertPadded(badVersion(PADDED), badVersion(UNPADDED));
  const unknownOpcode = receive(buildQuery({ flags: 7 << 11, edns: PADDED }), 'dot');
  assert.equal(replyBytes(unknownOpcode, 4).length, 12);
});

/** A resolver with an own address and two aliases. */
function create(upstream = new UpstreamDouble()): Resolver {
  const ownNames = new OwnNames(
    [{ name: 'nas.lan', address: '192.168.1.5' }],
    [
      { name: 'www.lan', target: 'www.example.com' },
      { name: 'start.lan', target: 'www.lan' },
    ],
  );
  return createResolver(upstream, { policy: new Policy({ ...PLAIN, ownNames }) });
}

async function assertAskedPadded({ ask: send }: Resolver, spec: QuerySpec): Promise<void> {
  for (const transport of ENCRYPTED) {
    const reply = await send({ ...spec, edns: PADDED }, transport);
    assertPadded(reply, await send({ ...spec, edns: UNPADDED }, transport));
  }
}

test('answers from upstream, from the cache and from policy are padded', async () => {
  const resolver = create();
  const fresh = await resolver.ask({ edns: PADDED }, 'dot');
  assertPadded(fresh, await resolver.ask({ edns: UNPADDED }, 'dot'));
  for (const name of ['example.com', 'nas.lan', 'localhost', 'nothing.invalid'])
    await assertAskedPadded(resolver, { name });
});

test('failures and expired answers are padded', async () => {
  const upstream = new UpstreamDouble();
  const resolver = create(upstream);
  await resolver.ask({ name: 'www.example.com' });
  resolver.clock.advance(300_000);
  upstream.answer = () => Promise.reject(new Dns4torError('ERR_TOR_UNREACHABLE'));
  for (const name of ['www.example.com', 'www.example.org']) await assertAskedPadded(resolver, { name });
});

test('the reply for an alias is padded once, as a whole', async () => {
  const resolver = create();
  for (const name of ['www.lan', 'start.lan']) {
    const first = await resolver.ask({ name, edns: PADDED }, 'doh');
    assertPadded(first, await resolver.ask({ name, edns: UNPADDED }, 'doh'));
    await assertAskedPadded(resolver, { name });
    assert.ok((await resolver.ask({ name, edns: PADDED }, 'tcp')).length < BLOCK);
  }
});

test('the reply for an alias whose target has a truncated reply is padded', async () => {
  const upstream = new UpstreamDouble(async () => responseOf(LARGEST - 5, 'www', 'example', 'com'));
  const resolver = create(upstream);
  const spec = { name: 'www.lan', type: `UNKNOWN_${TYPE}` };
  assert.equal(decodeReply(await resolver.ask({ ...spec, edns: PADDED }, 'dot')).flag_tc, true);
  await assertAskedPadded(resolver, spec);
});
