import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Dns4torError } from '../../src/failures/errors.ts';
import { isAnswerOfQuestion } from '../../src/message/answer/alias-chain.ts';
import { type Answer, parseAnswer } from '../../src/message/answer/answer.ts';
import { subtractAge } from '../../src/message/answer/http-age.ts';
import { ttlOffset } from '../../src/message/answer/prepared-answer.ts';
import { rawMessage, rawOpt, receive } from '../fixtures/dns/messages.ts';
import { answerBytes } from '../fixtures/dns/replies.ts';
import { countReads } from './counted-bytes.ts';
import { mutatedResponse, randomBytes } from './message-mutations.ts';

const RD = 0x0100;

const response = fc.oneof({ weight: 9, arbitrary: mutatedResponse }, { weight: 1, arbitrary: randomBytes });

/** The answer, or undefined if the response is malformed. Any other error fails the test. */
function parse(wire: Uint8Array): Answer | undefined {
  try {
    return parseAnswer(wire);
  } catch (error) {
    assert.ok(error instanceof Dns4torError && error.code === 'ERR_RESPONSE_MALFORMED', String(error));
    return undefined;
  }
}

/** Properties of any accepted answer. */
function checkAnswer(wire: Uint8Array, answer: Answer): void {
  const { messageBytes, questionEnd, lowestTtl, negativeTtl, bytes } = answer;
  assert.ok(questionEnd >= 17 && questionEnd <= messageBytes && messageBytes <= wire.length);
  assert.equal(bytes.byteLength, bytes.buffer.byteLength);
  for (let i = 0; i < answer.ttlCount; i++) {
    assert.ok(ttlOffset(answer, i) > questionEnd && ttlOffset(answer, i) + 6 <= messageBytes);
  }
  for (const ttl of [lowestTtl, negativeTtl]) assert.ok(ttl === undefined || (ttl >= 0 && ttl <= 0x7fff_ffff));
  assert.ok(negativeTtl === undefined || (lowestTtl !== undefined && lowestTtl <= negativeTtl));
}

test('a response with up to four changes is malformed or an answer that can be shaped for every client within its limit', (t) => {
  const numRuns = 20_000;
  let accepted = 0;
  const client = fc.record({
    transport: fc.constantFrom('udp' as const, 'tcp' as const),
    edns: fc.option(fc.nat(2000), { nil: undefined }),
    ageSeconds: fc.nat(4000),
  });
  const property = fc.property(response, client, (wire, { transport, edns, ageSeconds }) => {
    const answer = parse(wire);
    if (answer === undefined) return;
    accepted++;
    checkAnswer(wire, answer);
    assert.equal(typeof isAnswerOfQuestion(wire, answer.questionEnd), 'boolean');
    const question = answer.bytes.subarray(12, answer.questionEnd);
    const additionals = edns === undefined ? [] : [rawOpt(0x8000, edns)];
    const query = receive(rawMessage({ flags: RD, questions: [question], additionals }), transport);
    const limit = transport === 'tcp' ? 65_535 : Math.min(1232, query.scan.udpPayloadBytes);
    const reply = answerBytes(query, answer, ageSeconds);
    assert.ok(reply.length <= limit);
    assert.deepEqual(Buffer.compare(reply.subarray(12, answer.questionEnd), question), 0);
  });
  fc.assert(property, { seed: 7, numRuns });
  t.diagnostic(`${numRuns} cases, ${accepted} accepted`);
  assert.ok(accepted > numRuns / 10);
});

test('parsing never reads past the end of a response', (t) => {
  const numRuns = 10_000;
  let accepted = 0;
  const property = fc.property(response, (bytes) => {
    const { wire, furthest } = countReads(bytes);
    const answer = parse(wire);
    // A truncated name is detected by looking at one octet behind the end.
    assert.ok(furthest() < bytes.length + (answer === undefined ? 1 : 0));
    if (answer !== undefined) accepted++;
  });
  fc.assert(property, { seed: 8, numRuns });
  t.diagnostic(`${numRuns} cases, ${accepted} accepted`);
});

test('subtracting Age never throws, and a valid answer stays valid with TTLs that are not higher', (t) => {
  const numRuns = 10_000;
  let accepted = 0;
  const property = fc.property(response, fc.nat(1000), (wire, seconds) => {
    const before = parse(wire);
    const aged = wire.slice();
    subtractAge(aged, seconds);
    if (before === undefined) return;
    accepted++;
    const after = parse(aged);
    if (after === undefined) return;
    assert.equal(after.messageBytes, before.messageBytes);
    assert.equal(after.lowestTtl ?? 0, Math.max(0, (before.lowestTtl ?? 0) - seconds));
  });
  fc.assert(property, { seed: 9, numRuns });
  t.diagnostic(`${numRuns} cases, ${accepted} accepted`);
});
