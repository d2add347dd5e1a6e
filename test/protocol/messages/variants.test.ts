import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { buildQuery, type QuerySpec, rawRecord } from '../../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS, TcpClient } from '../../listener/harness.ts';
import { metric } from '../daemon-health.ts';
import { FLAG, OPTION, readReply } from '../reply.ts';
import { addressOf, QNAME, questionOf, RESPONSE_FLAGS, responseTo } from '../upstream-messages.ts';

/** The properties in which queries for one name differ. */
interface Variant {
  readonly name: string;
  readonly type: 'A' | 'AAAA';
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  readonly authenticData: boolean;
  /** Without an OPT record, or the option in it. */
  readonly edns: 'none' | 'plain' | 'subnet' | 'cookie';
}

const SPELLINGS = ['www.dns4tor-lab.net', 'wWw.dNS4tOr-LaB.NeT'] as const;
const BITS = [false, true] as const;

const VARIANTS: readonly Variant[] = SPELLINGS.flatMap((name) =>
  (['A', 'AAAA'] as const).flatMap((type) =>
    BITS.flatMap((dnssecOk) =>
      BITS.flatMap((checkingDisabled) =>
        BITS.flatMap((authenticData) =>
          (['none', 'plain', 'subnet', 'cookie'] as const)
            .filter((edns) => edns !== 'none' || !dnssecOk)
            .map((edns) => ({ name, type, dnssecOk, checkingDisabled, authenticData, edns })),
        ),
      ),
    ),
  ),
);

/** Coprime to the number of variants, so that each occurs once, next to dissimilar ones. */
const STRIDE = 37;

/** All variants, interleaved. */
const INTERLEAVED: readonly Variant[] = VARIANTS.map(
  (_, index) => VARIANTS[(index * STRIDE) % VARIANTS.length] as Variant,
);

/** Number of upstream queries: two types, with and without DO, with and without CD. */
const DISTINCT = 8;

function queryOf(variant: Variant, index: number): Omit<QuerySpec, 'id'> {
  const { name, type, dnssecOk, checkingDisabled, authenticData, edns } = variant;
  // No two clients share a subnet (RFC 7871 §6) or a cookie (RFC 7873 §4.1).
  const data = {
    subnet: [{ code: OPTION.clientSubnet, data: Buffer.from([0, 1, 24, 0, 198, 51, index]) }],
    cookie: [{ code: OPTION.cookie, data: Buffer.alloc(8, index) }],
  };
  const flags = FLAG.RD | (checkingDisabled ? FLAG.CD : 0) | (authenticData ? FLAG.AD : 0);
  const options = edns === 'subnet' || edns === 'cookie' ? data[edns] : [];
  return { name, type, flags, ...(edns === 'none' ? {} : { edns: { dnssecOk, options } }) };
}

/** 1 to 4, by the DO and CD bits. */
function markOf(dnssecOk: boolean, checkingDisabled: boolean): number {
  return 1 + (dnssecOk ? 1 : 0) + (checkingDisabled ? 2 : 0);
}

const TYPE_AAAA = 28;
const DNSSEC_OK = 0x8000;

/** Answers with AD and an address that encodes the bits of the query. */
const TELLING: DohBehaviour = ({ query }) => {
  const wire = Buffer.from(query);
  const question = Buffer.from(questionOf(query));
  // The OPT record follows the question. Its flags follow a root name, TYPE, CLASS and half of TTL (RFC 6891 §6.1.2).
  const dnssecOk = (wire.readUInt16BE(12 + question.length + 7) & DNSSEC_OK) !== 0;
  const mark = markOf(dnssecOk, (wire.readUInt16BE(2) & FLAG.CD) !== 0);
  const isAaaa = question.readUInt16BE(question.length - 4) === TYPE_AAAA;
  const address = Buffer.from([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, mark]);
  const record = isAaaa ? rawRecord(QNAME, TYPE_AAAA, 300, address) : addressOf(QNAME, 300, mark);
  return { body: responseTo(query, { flags: RESPONSE_FLAGS | FLAG.AD, answers: [record] }) };
};

function assertOwnReply(variant: Variant, wire: Buffer): void {
  const { name, type, dnssecOk, checkingDisabled, authenticData, edns } = variant;
  const reply = readReply(wire);
  const mark = markOf(dnssecOk, checkingDisabled);
  const expected = {
    rcode: 'NOERROR',
    question: questionOf(buildQuery({ name, type })),
    answers: [[type, type === 'A' ? `192.0.2.${mark}` : `2001:db8::${mark}`]],
    // RFC 6840 §5.8: AD if the query has AD or DO. RFC 4035 §3.2.2: CD copied from the query.
    authenticData: authenticData || dnssecOk,
    checkingDisabled,
    // RFC 6891 §6.1.1. RFC 7871 §7.2.1 and RFC 7873 §5.2.3 apply only to servers that support these options.
    opt: edns === 'none' ? undefined : { dnssecOk, options: [] },
  };
  const found = {
    rcode: reply.rcode,
    question: new Uint8Array(questionOf(wire)),
    answers: reply.answers.map((record) => [record.type, record.data]),
    authenticData: (reply.flags & FLAG.AD) !== 0,
    checkingDisabled: (reply.flags & FLAG.CD) !== 0,
    opt: reply.opt && { dnssecOk: reply.opt.dnssecOk, options: [...reply.opt.options.keys()] },
  };
  assert.deepEqual(found, expected, JSON.stringify(variant));
}

test('queries that differ in case, DO, CD, AD, client subnet, cookie or type never get each other’s answers, in flight or from the cache', async () => {
  await using running = await startBehindDouble(TELLING);
  const { daemon, upstream } = running;
  await daemon.answers();
  const requestsBefore = upstream.requests.length;
  const release = Promise.withResolvers<void>();
  upstream.behaviour = async (request) => {
    await release.promise;
    return TELLING(request);
  };
  await using udp = await UdpClient.open(daemon.port);
  await using tcp = await TcpClient.connect(daemon.port, '127.0.0.1', '127.0.0.2');
  const askAll = (): Promise<Buffer[]> =>
    Promise.all(INTERLEAVED.map((variant, index) => udp.ask(queryOf(variant, index))));
  const askAllOverTcp = (): void =>
    tcp.send(...INTERLEAVED.map((variant, id) => buildQuery({ ...queryOf(variant, id), id })));
  const assertOwnReplies = (replies: readonly Buffer[]): void => {
    for (const [index, variant] of INTERLEAVED.entries()) assertOwnReply(variant, replies[index] as Buffer);
  };
  const byId = (replies: readonly Buffer[]): Buffer[] =>
    replies.toSorted((a, b) => a.readUInt16BE(0) - b.readUInt16BE(0));

  const asked = askAll();
  askAllOverTcp();
  await udp.flush();
  await waitUntil('upstream is queried', PATIENCE_MS, () => upstream.requests.length >= requestsBefore + DISTINCT);
  release.resolve();
  assertOwnReplies(await asked);
  const count = INTERLEAVED.length;
  assertOwnReplies(byId(await tcp.received(count)));
  assert.ok((await metric(daemon, 'dns4tor_coalesced_total')) >= count - DISTINCT);

  const hitsBefore = await metric(daemon, 'coredns_cache_hits_total');
  assertOwnReplies(await askAll());
  askAllOverTcp();
  assertOwnReplies(byId((await tcp.received(2 * count)).slice(count)));
  assert.equal((await metric(daemon, 'coredns_cache_hits_total')) - hitsBefore, 2 * count);

  const requests = upstream.requests.slice(requestsBefore).map(({ query }) => Buffer.from(query).toString('latin1'));
  assert.equal(requests.length, DISTINCT);
  assert.equal(new Set(requests).size, DISTINCT);
});
