import assert from 'node:assert/strict';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import {
  addressRecord,
  buildQuery,
  buildResponse,
  concat,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawPointer,
  rawQuestion,
  rawRecord,
} from '../../fixtures/dns/messages.ts';
import type { DohBehaviour, RecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import type { Daemon } from '../../fixtures/process/daemon.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { framed } from '../../listener/harness.ts';
import { chainMessage } from '../../message/chain-message.ts';
import { mutatedQuery, mutatedResponse, randomBytes } from '../../message/message-mutations.ts';
import { ANSWER_TIMEOUT_MS, deframe, eachAtOnce, talkTcp, UdpAsker } from '../clients.ts';
import { assertUnharmed, metric, residentMiB } from '../daemon-health.ts';
import { checkReply, hasUpstreamProof, mustBeDropped, UPSTREAM_PROOF } from '../messages/reply-rules.ts';
import { readStrictly, type StrictMessage } from '../messages/strict-message.ts';
import type { Transport } from '../raw-client.ts';

/** Seed of all random choices. Printed, so that a run can be repeated. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 4);

const UDP_MESSAGES = 5000;
const TCP_MESSAGES = 1000;
const MESSAGES_PER_CONNECTION = 5;
/** Below the in-flight limit of a client and the capacity of the kernel's buffers. */
const WIDTH = 32;
const GOOD_EVERY = 50;
/** Margin for V8. A leak of 10 kB per datagram would exceed it. */
const MAX_GROWTH_MIB = 48;

const SERVFAIL = 2;
const LOOP = rawMessage({ flags: 0x0100, questions: [rawQuestion(rawPointer(12))] });
const LOOP_OF_TWO = rawMessage({
  flags: 0x0100,
  questions: [rawQuestion(rawName())],
  additionals: [
    rawRecord(rawPointer(19), 1, 0, Uint8Array.of(192, 0, 2, 1)),
    rawRecord(rawPointer(17), 1, 0, rawPointer(17)),
  ],
});

/** Deliberate faults, besides random ones. */
const CRAFTED: readonly Uint8Array[] = [
  ...prefixes(buildQuery({ edns: { dnssecOk: true, options: [{ code: 10, data: Buffer.from('12345678') }] } })),
  ...prefixes(buildResponse({ answers: [addressRecord('example.com', 300)] })),
  new Uint8Array(11),
  new Uint8Array(11).fill(0xff),
  new Uint8Array(12),
  LOOP,
  LOOP_OF_TWO,
  rawMessage({ flags: 0x0100, questions: [rawQuestion(concat(rawName('a').subarray(0, 2), rawPointer(12)))] }),
  rawMessage({ flags: 0x0100, questions: [rawQuestion(rawNameOfLength(256))] }),
  rawMessage({ flags: 0x0100, questions: [rawQuestion(rawName())], counts: [1, 0, 0, 0xffff] }),
];

/** Too large for a datagram. */
const LARGE: readonly Uint8Array[] = [
  chainMessage(0x0100, rawName(), 7000),
  chainMessage(0x0100, rawNameOfLength(255), 126),
  concat(buildQuery(), new Uint8Array(65_535 - buildQuery().length)),
  new Uint8Array(65_535).fill(0xc0),
];

function prefixes(message: Uint8Array): Uint8Array[] {
  return Array.from(message, (_, length) => message.subarray(0, length));
}

function hostileMessages(seed: number, count: number): Uint8Array[] {
  const any = fc.oneof(
    { weight: 8, arbitrary: mutatedQuery },
    { weight: 1, arbitrary: mutatedResponse },
    { weight: 1, arbitrary: randomBytes },
  );
  const byChance = fc.sample(any, { seed, numRuns: count - CRAFTED.length });
  return [...byChance, ...CRAFTED].map((message, index) => withId(message, index));
}

function withId(message: Uint8Array, id: number): Buffer {
  const numbered = Buffer.from(message);
  if (numbered.length >= 2) numbered.writeUInt16BE(id, 0);
  return numbered;
}

/**
 * NODATA with a proof for any question. It is not cacheable, so every permitted query goes upstream. Sizes of up to 2
 * kB make some replies truncated.
 */
const answerWithProof: DohBehaviour = ({ query }) => {
  const { question } = readStrictly(query);
  const proof = new Uint8Array(251 * (1 + ((question.length * 7) % 8)));
  const authorities = [rawRecord(rawPointer(12), UPSTREAM_PROOF, 0, proof)];
  return { body: rawMessage({ id: 0, flags: 0x8180, questions: [question], authorities }) };
};

/** Counts replies and compares them with the upstream requests. */
class Account {
  readonly byRcode: Record<string, number> = {};
  /** Number of replies that only upstream can have given. */
  fromUpstream = 0;
  readonly #requestsBefore: number;
  readonly #upstream: RecordingDohServer;

  constructor(upstream: RecordingDohServer) {
    this.#upstream = upstream;
    this.#requestsBefore = upstream.requests.length;
  }

  add(reply: StrictMessage): void {
    assert.notEqual(reply.rcode, SERVFAIL, 'the upstream answers everything');
    this.byRcode[reply.rcode] = (this.byRcode[reply.rcode] ?? 0) + 1;
    if (hasUpstreamProof(reply)) this.fromUpstream++;
  }

  /** Asserts that each upstream request answered a client. */
  async settle(t: TestContext, daemon: Daemon): Promise<void> {
    const requests = this.#upstream.requests.length - this.#requestsBefore;
    const coalesced = await metric(daemon, 'dns4tor_coalesced_total');
    t.diagnostic(
      `replies by RCODE ${JSON.stringify(this.byRcode)}; ${requests} upstream requests, ${coalesced} coalesced`,
    );
    assert.equal(requests + coalesced, this.fromUpstream);
  }
}

test('5,000 hostile datagrams: each gets one correct reply or, where required, none; refused ones do not go upstream', async (t) => {
  await using running = await startBehindDouble(answerWithProof);
  const { daemon, upstream } = running;
  await daemon.answers();
  await using client = new UdpAsker(daemon.port);
  await using silent = new UdpAsker(daemon.port);
  await using good = new UdpAsker(daemon.port);
  const account = new Account(upstream);
  const messages = hostileMessages(SEED, UDP_MESSAGES);
  const dropped = { short: 0, response: 0 };
  let before = 0;

  await eachAtOnce(messages, WIDTH, async (message, index) => {
    if (index % GOOD_EVERY === 0) {
      const query = buildQuery({ id: index, name: `good-${index}.example.net` });
      const reply = await good.ask(query);
      assert.ok(reply, `no answer to a good query after ${index} messages`);
      account.add(checkReply(query, reply, 'udp'));
    }
    if (index === UDP_MESSAGES / 5) before = await residentMiB(daemon);
    if (mustBeDropped(message)) {
      dropped[message.length < 12 ? 'short' : 'response']++;
      return silent.send(message);
    }
    const reply = await client.ask(message);
    assert.ok(reply, `no reply to ${hex(message)}`);
    account.add(judge(message, reply, 'udp'));
  });

  for (const reason of ['short', 'response'] as const) {
    await waitUntil(`${dropped[reason]} ${reason}`, ANSWER_TIMEOUT_MS, async () => {
      return (await metric(daemon, 'dns4tor_dropped_total', { reason })) === dropped[reason];
    });
  }
  // Everything sent to this socket before has arrived by now.
  assert.ok(await silent.ask(buildQuery({ id: 1, name: 'last.example.net', flags: 0 })));
  account.byRcode['5'] = (account.byRcode['5'] ?? 0) + 1;
  assert.deepEqual(silent.unexpected.map(hex), [], 'replies to what must be dropped');
  assert.deepEqual(client.unexpected.map(hex), [], 'second replies');

  const after = await residentMiB(daemon);
  t.diagnostic(
    `seed ${SEED}: ${messages.length} datagrams, dropped ${JSON.stringify(dropped)}; RSS ${before} → ${after} MiB`,
  );
  await account.settle(t, daemon);
  await assertUnharmed(daemon);
  assert.ok(after - before < MAX_GROWTH_MIB, `RSS ${before} → ${after} MiB`);
});

/** How a stream is sent: in one piece, in pieces of any size, or with wrong lengths. */
const DELIVERIES = ['whole', 'split', 'lying'] as const;
type Delivery = (typeof DELIVERIES)[number];

interface Stream {
  readonly pieces: readonly Buffer[];
  /** The messages to be answered: those before the first that must be dropped, which ends the connection. */
  readonly answerable: readonly Buffer[];
}

function streamOf(delivery: Delivery, messages: readonly Uint8Array[], numbers: readonly number[]): Stream {
  const frames = messages.map((message, index) => {
    const frame = framed(message);
    const number = numbers[index] as number;
    // A little too long or too short, or any value.
    const wrong = Math.min(0xffff, Math.max(0, message.length + (number % 23) - 11));
    if (delivery === 'lying' && number % 3 === 0) frame.writeUInt16BE(wrong, 0);
    if (delivery === 'lying' && number % 7 === 0) frame.writeUInt16BE(number, 0);
    return frame;
  });
  const bytes = Buffer.concat(frames);
  const found = deframe(bytes).messages;
  const end = found.findIndex(mustBeDropped);
  const answerable = end === -1 ? found : found.slice(0, end);
  if (delivery !== 'split') return { pieces: [bytes], answerable };
  const cuts = numbers.map((number) => number % (bytes.length + 1)).toSorted((a, b) => a - b);
  const pieces = [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index]));
  return { pieces: pieces.filter(({ length }) => length > 0), answerable };
}

/** A message that must be dropped ends its connection, so each connection gets at most one, as its last. */
function streamsOf(messages: readonly Uint8Array[]): Stream[] {
  const dropped = messages.filter(mustBeDropped);
  const others = messages.filter((message) => !mustBeDropped(message));
  const numbers = fc.sample(fc.nat(0xffff), { seed: SEED, numRuns: messages.length });
  const count = Math.max(dropped.length, Math.ceil(others.length / MESSAGES_PER_CONNECTION));
  return Array.from({ length: count }, (_, index) => {
    const start = index * MESSAGES_PER_CONNECTION;
    const end = start + MESSAGES_PER_CONNECTION;
    const delivery = DELIVERIES[index % DELIVERIES.length] as Delivery;
    const last = dropped.slice(index, index + 1);
    return streamOf(delivery, [...others.slice(start, end), ...last], numbers.slice(start, end + 1));
  });
}

test('1,000 hostile messages over TCP, whole, split and with wrong lengths: as many correct replies as answerable messages', async (t) => {
  await using running = await startBehindDouble(answerWithProof);
  const { daemon, upstream } = running;
  await daemon.answers();
  const account = new Account(upstream);
  const any = fc.oneof({ weight: 30, arbitrary: mutatedQuery }, { weight: 1, arbitrary: randomBytes });
  const sampled = fc.sample(any, { seed: SEED, numRuns: TCP_MESSAGES - LARGE.length - CRAFTED.length });
  const streams = streamsOf([...sampled, ...CRAFTED, ...LARGE].map(withId));
  const before = await residentMiB(daemon);
  let replies = 0;

  await eachAtOnce(streams, 8, async ({ pieces, answerable }, index) => {
    if (index % (GOOD_EVERY / MESSAGES_PER_CONNECTION) === 0) {
      const query = buildQuery({ name: `good-${index}.example.net` });
      const [reply] = await talkTcp(daemon.port, [framed(query)]);
      assert.ok(reply, `no answer to a good query after ${index} connections`);
      account.add(checkReply(query, reply, 'tcp'));
    }
    const left = [...answerable];
    for (const reply of await talkTcp(daemon.port, pieces)) {
      const { question } = readStrictly(reply);
      const of = left.findIndex(
        (message) =>
          message.subarray(0, 2).equals(reply.subarray(0, 2)) && message.subarray(12).indexOf(question) === 0,
      );
      assert.notEqual(of, -1, `a reply to nothing: ${hex(reply)}`);
      const [message] = left.splice(of, 1);
      account.add(judge(message as Buffer, reply, 'tcp'));
      replies++;
    }
    assert.deepEqual(left.map(hex), [], 'messages without a reply');
  });

  const after = await residentMiB(daemon);
  t.diagnostic(
    `seed ${SEED}: ${TCP_MESSAGES} messages on ${streams.length} connections, ${replies} replies; RSS ${before} → ${after} MiB`,
  );
  await account.settle(t, daemon);
  await assertUnharmed(daemon);
  assert.ok(after - before < MAX_GROWTH_MIB, `RSS ${before} → ${after} MiB`);
});

function judge(message: Uint8Array, reply: Buffer, transport: Transport): StrictMessage {
  try {
    return checkReply(message, reply, transport);
  } catch (error) {
    throw new Error(`seed ${SEED}: ${hex(message)} got the reply ${hex(reply)}`, { cause: error });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
