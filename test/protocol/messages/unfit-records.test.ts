import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { rawMessage, rawName, rawOpt, rawQuestion } from '../../fixtures/dns/messages.ts';
import { startPlainDouble } from '../../fixtures/dns/plain-double.ts';
import { startForwarder } from '../../fixtures/dns/validating-forwarder.ts';
import { startLab } from '../lab.ts';
import { exchange, testOverBoth } from '../raw-client.ts';
import { addressOf, answering, questionOf, responseTo } from '../upstream-messages.ts';
import { readStrictly } from './strict-message.ts';
import { UNFIT, type UnfitCase } from './unfit-records.ts';

// Some addresses of the answers below are private.
const lab = await startLab('--private-answers', 'allow');
after(() => lab[Symbol.asyncDispose]());

const A = 1;
const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  15: 'MX',
  16: 'TXT',
  24: 'SIG',
};
const MORE_TYPES: Readonly<Record<number, string>> = { 28: 'AAAA', 33: 'SRV', 39: 'DNAME', 65: 'HTTPS', 250: 'TSIG' };
const RCODES: Readonly<Record<number, string>> = { 0: 'NOERROR', 2: 'SERVFAIL', 3: 'NXDOMAIN' };

function queryFor(name: string, qtype = A): Uint8Array {
  const questions = [rawQuestion(rawName(...name.split('.')), qtype)];
  return rawMessage({ id: 7, flags: 0x0100, questions, additionals: [rawOpt()] });
}

function outcomeOf(reply: Buffer): string {
  const { rcode, answers, authorities, additionals } = readStrictly(reply);
  const sections = [answers, authorities, additionals].map((records) =>
    records.map(({ type }) => TYPES[type] ?? MORE_TYPES[type] ?? type).join(' '),
  );
  return `${RCODES[rcode] ?? rcode}: ${sections.join(' | ')}`;
}

describe('records that do not belong in an answer', { concurrency: 8 }, () => {
  for (const { label, rule, qtype, parts, ours } of UNFIT) {
    testOverBoth(`${rule} → ${ours}`, async (transport) => {
      const name = `${label}-${transport}.example`;
      lab.behave(name, answering(parts));
      assert.equal(outcomeOf(await exchange(transport, lab.daemon, queryFor(name, qtype))), ours);
    });
  }
});

test('unbound as a forwarder returns the same, except for the explained differences', async (t) => {
  const byName = new Map<string, UnfitCase>(UNFIT.map((each) => [each.label, each]));
  await using server = await startPlainDouble((query) => {
    const label = Buffer.from(questionOf(query)).toString('latin1', 1, 1 + (query[12] ?? 0));
    const found = byName.get(label);
    return responseTo(query, found?.parts ?? { answers: [addressOf()] });
  });
  await using unbound = await startForwarder(server.port, ['minimal-responses: no']);
  const found: string[] = [];
  const expected: string[] = [];
  for (const { label, rule, qtype, ours, unbound: theirs = ours, why } of UNFIT) {
    const outcome = outcomeOf(await exchange('udp', unbound, queryFor(`${label}.example`, qtype)));
    t.diagnostic(`${label} (${rule}): ours ${ours}; unbound ${outcome}${why === undefined ? '' : `: ${why}`}`);
    assert.equal(why === undefined, theirs === ours, `${label} is explained where it differs`);
    found.push(`${label} ${outcome}`);
    expected.push(`${label} ${theirs}`);
  }
  assert.deepEqual(found, expected);
});
