import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../../src/lib/clock.ts';
import { startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { startBefore } from '../../fixtures/dns/behind-double.ts';
import { startDohServer } from '../../fixtures/dns/doh-server.ts';
import { LAB_ZONE } from '../../fixtures/dns/lab-zone.ts';
import { rawName } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { askTcp, eachAtOnce, UdpAsker } from '../clients.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { FLAG, OPTION } from '../reply.ts';
import { type Aspect, differencesOf } from './differences.ts';
import { type ComparedQuery, comparedQuery } from './differential-queries.ts';
import { checkReply, readQuery } from './reply-rules.ts';
import { readStrictly, type StrictMessage } from './strict-message.ts';

/** Seed of all random choices. Printed, so that a run can be repeated. */
const DEFAULT_SEED = 4;
const SEED = Number(process.env['FUZZ_SEED'] ?? DEFAULT_SEED);

const QUERIES = 5000;
const WIDTH = 16;
/** After this time, a query is sent again. */
const PATIENCE_MS = 1500;
const MS_PER_SECOND = 1000;
const EXAMPLES_SHOWN = 5;

interface Explanation {
  readonly what: readonly Aspect[];
  readonly when: (query: StrictMessage, ours: StrictMessage, theirs: StrictMessage) => boolean;
  readonly why: string;
  /** Whether it depends on the contents of unbound's cache. @default false */
  readonly byChance?: boolean;
}

const RCODE = { NOERROR: 0, FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
const ERRORS: ReadonlySet<number> = new Set([RCODE.FORMERR, RCODE.NOTIMP, RCODE.REFUSED, RCODE.BADVERS]);
const RCODE_MASK = 0xf;
const OPCODE = { notify: 4 } as const;
const TYPE = { CNAME: 5, DNAME: 39, OPT: 41, ANY: 255 } as const;
const CLASS = { IN: 1, ANY: 255 } as const;
const CONTENT: readonly Aspect[] = ['RCODE', 'AD', 'TC', 'answers', 'authorities', 'additionals'];

const typeOf = ({ question }: StrictMessage): number => question.readUInt16BE(question.length - 4);
const classOf = ({ question }: StrictMessage): number => question.readUInt16BE(question.length - 2);
const has = ({ flags }: StrictMessage, flag: keyof typeof FLAG): boolean => (flags & FLAG[flag]) !== 0;

const LABORATORY = [inWireForm(LAB_ZONE.slice(0, -1))];
/** Names in these queries that dns4tor answers locally. */
const LOCAL_NAMES = [
  'localhost',
  'onion',
  'local',
  'test',
  'home.arpa',
  'use-application-dns.net',
  '168.192.in-addr.arpa',
  '127.in-addr.arpa',
].map(inWireForm);

function inWireForm(name: string): string {
  return Buffer.from(rawName(...name.split('.'))).toString('latin1');
}

function endsIn({ question }: StrictMessage, names: readonly string[]): boolean {
  const qname = question.subarray(0, -4).toString('latin1').toLowerCase();
  return names.some((name) => qname.endsWith(name));
}

/** Whether the name is answered locally: by its suffix, or because it has a single label. */
function isLocal(query: StrictMessage): boolean {
  const { question } = query;
  const labelLength = question[0] ?? 0;
  return (labelLength > 0 && question.length === 1 + labelLength + 5) || endsIn(query, LOCAL_NAMES);
}

/** The options of our reply, if theirs has none. */
function optionsAdded(ours: StrictMessage, theirs: StrictMessage): readonly number[] {
  return theirs.opt?.options.length === 0 ? (ours.opt?.options ?? []).map(({ code }) => code) : [];
}

/** Number of reasons to refuse the query. */
function faultsOf(query: StrictMessage): number {
  const isMeta = typeOf(query) === TYPE.OPT || (typeOf(query) >= 128 && typeOf(query) < TYPE.ANY);
  const faults = [
    query.opcode !== 0,
    has(query, 'TC'),
    classOf(query) !== CLASS.IN,
    (query.opt?.version ?? 0) > 0,
    isMeta,
  ];
  return faults.filter(Boolean).length;
}

/** All differences from unbound 1.17. Each is intended. */
const EXPLAINED: readonly Explanation[] = [
  {
    what: ['AA'],
    when: (_query, ours, theirs) => !has(ours, 'AA') && has(theirs, 'AA'),
    why: 'unbound sets AA for replies from its local zones; dns4tor is never authoritative (RFC 1035 §4.1.1)',
  },
  {
    what: ['RA', 'AD', 'Z', 'EDNS version', 'EDNS size', 'EDNS options', 'DO'],
    when: (query, _ours, theirs) =>
      ERRORS.has(theirs.rcode) && (theirs.flags & ~RCODE_MASK) === ((query.flags & ~FLAG.TC) | FLAG.QR),
    why: "unbound's early refusals echo the query with QR and RCODE, including its bits and OPT record; dns4tor sets its own",
  },
  {
    what: ['question', 'RD', 'RA', 'AD', 'CD', 'Z', 'OPT'],
    when: (query, ours) => query.opcode !== 0 && ours.rcode === RCODE.NOTIMP,
    why: 'dns4tor replies to other opcodes than QUERY with only a header (RFC 8906 §3.1.4); unbound echoes the query',
  },
  {
    what: ['EDNS options'],
    when: (_query, ours, theirs) => optionsAdded(ours, theirs).join() === String(OPTION.extendedError),
    why: 'dns4tor explains failures (RFC 8914); unbound does so only with "ede: yes"',
  },
  {
    what: ['EDNS options'],
    when: (query, ours, theirs) =>
      optionsAdded(ours, theirs).includes(OPTION.keepalive) &&
      query.opt?.options.some(({ code }) => code === OPTION.keepalive) === true,
    why: 'dns4tor answers the keepalive option (RFC 7828); unbound does so only with "edns-tcp-keepalive: yes"',
  },
  {
    what: CONTENT,
    when: (query, ours) => typeOf(query) === TYPE.ANY && ours.rcode === RCODE.NOERROR && ours.answers.length === 1,
    why: 'dns4tor answers ANY with one small record (RFC 8482 §4.2); unbound returns everything in its cache',
  },
  {
    what: CONTENT,
    when: (query, ours, theirs) =>
      classOf(query) === CLASS.ANY && ours.rcode === RCODE.REFUSED && theirs.rcode !== RCODE.FORMERR,
    why: 'dns4tor answers only class IN; unbound treats QCLASS * as IN',
  },
  {
    what: CONTENT,
    when: (query, ours) => !has(query, 'RD') && ours.rcode === RCODE.REFUSED && isLocal(query),
    why: 'dns4tor refuses RD=0 for any name; unbound answers it for its local zones',
  },
  {
    what: ['RCODE'],
    when: (query, ours, theirs) =>
      query.opcode === OPCODE.notify && ours.rcode === RCODE.NOTIMP && theirs.rcode === RCODE.REFUSED,
    why: 'dns4tor does not implement NOTIFY (NOTIMP); unbound, which can serve zones, refuses it',
  },
  {
    what: ['RCODE'],
    when: (query, ours, theirs) => faultsOf(query) > 1 && ours.rcode !== RCODE.NOERROR && ERRORS.has(theirs.rcode),
    why: 'of two faults, dns4tor checks opcode, format, EDNS version and class before the type; unbound checks the type first',
  },
  {
    what: CONTENT,
    when: (query, ours) =>
      isLocal(query) && (ours.rcode === RCODE.NOERROR || ours.rcode === RCODE.NXDOMAIN) && classOf(query) === CLASS.IN,
    why: 'dns4tor answers special-use and single-label names locally, with the SOA of RFC 6303 §3 and no NS; unbound has other zones and SOAs, or refuses them like all names outside the lab zones',
  },
  {
    what: ['answers', 'authorities', 'additionals'],
    when: (_query, ours, theirs) =>
      has(ours, 'TC') && has(theirs, 'TC') && ours.answers.length + ours.authorities.length === 0,
    why: 'a truncated reply of dns4tor has no records, because clients must not use them (RFC 2181 §9); unbound keeps those that fit',
  },
  {
    what: ['RCODE', 'authorities'],
    when: (query, ours, theirs) => typeOf(query) === TYPE.CNAME && ours.answers.length > 0 && theirs.answers.length > 0,
    why: 'for a CNAME record whose target does not exist, unbound returns NXDOMAIN right after learning that, and NOERROR otherwise',
    byChance: true,
  },
  {
    what: ['AD'],
    when: (query) => has(query, 'CD'),
    why: 'with CD=1, unbound sets AD for answers that it validated for an earlier query; dns4tor keeps the answer as received',
    byChance: true,
  },
  {
    what: ['TTL', 'authorities'],
    when: (_query, ours, theirs) => [...ours.answers, ...theirs.answers].some(({ type }) => type === TYPE.DNAME),
    why: "unbound gives a CNAME record synthesized from a DNAME record either TTL 0 or the DNAME's, and proofs once or twice",
    byChance: true,
  },
  {
    what: ['TC', 'answers'],
    when: (_query, ours, theirs) =>
      has(ours, 'TC') !== has(theirs, 'TC') &&
      [...ours.answers, ...theirs.answers].some(({ type }) => type === TYPE.DNAME),
    why: 'with duplicate proofs, the same answer does not fit into a datagram',
    byChance: true,
  },
];

/** unbound drops QCLASS * where one of its local zones would answer: everywhere outside the lab zones. */
function isDropped({ wire }: ComparedQuery): boolean {
  const query = readStrictly(wire);
  return classOf(query) === CLASS.ANY && !endsIn(query, LABORATORY);
}

async function ask(
  client: UdpAsker,
  port: number,
  { transport }: ComparedQuery,
  wire: Buffer,
): Promise<Buffer | undefined> {
  return transport === 'udp' ? client.ask(wire, PATIENCE_MS) : askTcp(port, wire, PATIENCE_MS);
}

test('5,000 queries of all kinds are answered as by unbound, except for the explained differences', async (t) => {
  await using authority = await startAuthoritativeServer();
  await using running = await startBefore(
    (certificate) => startDohServer({ authority, certificate, validate: true }),
    '--private-answers',
    'allow',
  );
  const { daemon, upstream } = running;
  await daemon.answers();
  await using ourClient = new UdpAsker(daemon.port);
  await using theirClient = new UdpAsker(upstream.plainPort);
  const startedAt = systemClock.now();
  const byAspect: Partial<Record<Aspect, number>> = {};
  const byExplanation = new Map(EXPLAINED.map((explanation) => [explanation, 0]));
  const unexplained: string[] = [];
  let equal = 0;

  /** Resolves to the resolver that did not reply. */
  const compare = async (compared: ComparedQuery, id: number): Promise<'nobody' | 'we' | 'they'> => {
    const wire = Buffer.from(compared.wire);
    wire.writeUInt16BE(id, 0);
    const query = readQuery(wire);
    assert.ok(query);
    const [our, their] = await Promise.all([
      ask(ourClient, daemon.port, compared, wire),
      ask(theirClient, upstream.plainPort, compared, wire),
    ]);
    if (our === undefined) return 'we';
    if (their === undefined) return 'they';
    const ours = checkReply(wire, our, compared.transport);
    const theirs = readStrictly(their);
    const elapsedSeconds = Math.ceil((systemClock.now() - startedAt) / MS_PER_SECOND);
    const aspects = differencesOf(ours, theirs, elapsedSeconds);
    if (aspects.length === 0) equal++;
    for (const aspect of aspects) {
      byAspect[aspect] = (byAspect[aspect] ?? 0) + 1;
      const explanation = EXPLAINED.find(({ what, when }) => what.includes(aspect) && when(query, ours, theirs));
      if (explanation !== undefined) byExplanation.set(explanation, (byExplanation.get(explanation) ?? 0) + 1);
      else
        unexplained.push(`${aspect}: ${compared.transport} ${hex(wire)}\n  ours   ${hex(our)}\n  theirs ${hex(their)}`);
    }
    return 'nobody';
  };

  const queries = fc.sample(comparedQuery, { seed: SEED, numRuns: QUERIES });
  const again: number[] = [];
  let dropped = 0;
  await eachAtOnce(queries, WIDTH, async (query, index) => {
    if ((await compare(query, index)) !== 'nobody') again.push(index);
  });
  // One at a time, because unbound sends at most 50 error replies a second, and the kernel drops datagrams.
  for (const index of again) {
    const query = queries[index] as ComparedQuery;
    await waitUntil(`both reply to ${query.transport} ${hex(query.wire)}`, PATIENCE_MS * 4, async () => {
      const silent = await compare(query, index);
      if (silent === 'they' && isDropped(query)) dropped++;
      return silent === 'nobody' || (silent === 'they' && isDropped(query));
    });
  }

  t.diagnostic(`seed ${SEED}: ${QUERIES} queries, ${again.length} sent again, ${equal} with equal replies`);
  t.diagnostic(`${dropped} without a reply from unbound: it drops QCLASS * where one of its local zones would answer`);
  t.diagnostic(`differences: ${JSON.stringify(byAspect)}`);
  for (const [{ what, why }, count] of byExplanation) t.diagnostic(`${count} × ${what.join(', ')}: ${why}`);
  await assertUnharmed(daemon);
  const examples = unexplained.slice(0, EXAMPLES_SHOWN).join('\n');
  assert.equal(unexplained.length, 0, `${unexplained.length} differences, such as\n${examples}`);
  // Other seeds may not cover all of them.
  const inVain = EXPLAINED.filter((explanation) => !explanation.byChance && byExplanation.get(explanation) === 0);
  if (SEED === DEFAULT_SEED) assert.deepEqual(inVain, [], 'explanations of nothing');
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
