import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildQuery, rawName, rawOpt } from '../../fixtures/dns/messages.ts';
import { mutateBy, mutations } from '../../message/message-mutations.ts';
import { eachAtOnce } from '../clients.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { checkReply } from '../messages/reply-rules.ts';
import {
  addressOf,
  alias,
  QNAME,
  questionOf,
  RCODE,
  RESPONSE_FLAGS,
  responseTo,
  startOfAuthority,
} from '../upstream-messages.ts';
import { startEncryptedLab } from './encrypted-lab.ts';
import { dohTarget } from './honest-clients.ts';

/*
 * Cache-Control is computed from the octets of an answer, which come from upstream.
 */

const SEED = Number(process.env['FUZZ_SEED'] ?? 4);
const ANSWERS = 1000;
const WIDTH = 32;

/** Well-formed parts of a response. */
const PARTS = [
  { answers: [addressOf(), addressOf(QNAME, 20)] },
  { answers: [alias(QNAME, rawName('other', 'example'), 60), addressOf(rawName('other', 'example'), 30)] },
  { flags: RESPONSE_FLAGS | RCODE.nxdomain, authorities: [startOfAuthority(rawName('net'), 900, 60)] },
  { authorities: [startOfAuthority(rawName(), 0xffff_ffff, 0xffff_ffff)], additionals: [rawOpt(0x8000)] },
  {},
];

async function ask(session: ClientHttp2Session, query: Uint8Array): Promise<{ reply: Buffer; freshness: string }> {
  const stream = session.request({ ':path': dohTarget(query), accept: 'application/dns-message' });
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 200);
  return { reply: await buffer(stream), freshness: String(headers['cache-control']) };
}

test(`${ANSWERS} answers of a hostile upstream: each query over DoH gets a correct reply and a number as its freshness`, async (t) => {
  await using lab = await startEncryptedLab();
  const changes = fc.sample(mutations, { seed: SEED, numRuns: ANSWERS });
  let serial = 0;
  lab.upstream.behaviour = ({ query }) => {
    const number = serial++;
    const response = responseTo(query, PARTS[number % PARTS.length]);
    const questionEnd = 12 + questionOf(query).length;
    const tail = mutateBy(response.subarray(questionEnd), changes[number % ANSWERS] ?? []);
    return { body: Buffer.concat([response.subarray(0, questionEnd), tail]) };
  };
  const session = connect(`https://127.0.0.1:${lab.ports.doh}`, { ca: lab.ca });
  const rcodes: Record<number, number> = {};
  await eachAtOnce(
    Array.from({ length: ANSWERS }, (_, index) => index),
    WIDTH,
    async (index) => {
      const query = buildQuery({ id: 0, name: `n${index}.dns4tor-lab.net` });
      const { reply, freshness } = await ask(session, query);
      const { rcode } = checkReply(query, reply, 'tcp');
      rcodes[rcode] = (rcodes[rcode] ?? 0) + 1;
      assert.match(freshness, /^max-age=\d{1,10}$/, reply.toString('hex'));
    },
  );
  session.destroy();
  t.diagnostic(`seed ${SEED}: replies by RCODE ${JSON.stringify(rcodes)}`);
  await assertUnharmed(lab.daemon);
});
