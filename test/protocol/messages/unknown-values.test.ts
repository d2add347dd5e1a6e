import assert from 'node:assert/strict';
import { after } from 'node:test';
import { startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { startBefore } from '../../fixtures/dns/behind-double.ts';
import { startDohServer } from '../../fixtures/dns/doh-server.ts';
import { rawMessage, rawName, rawOpt, rawQuestion, rawRecord, rawU16 } from '../../fixtures/dns/messages.ts';
import { exchange, testOverBoth } from '../raw-client.ts';
import { FLAG } from '../reply.ts';
import { readStrictly, type StrictMessage } from './strict-message.ts';

/*
 * The server tests of RFC 8906 §8 with unassigned values, as in ISC's genreport. Compares dns4tor with unbound.
 */

const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const authority = resources.use(await startAuthoritativeServer());
const { daemon, upstream } = resources.use(
  await startBefore((certificate) => startDohServer({ authority, certificate })),
);
await daemon.answers();

const NAME = rawName('a', 'dns4tor-lab', 'net');
const QUESTION = rawQuestion(NAME);
const UNKNOWN_OPTION = rawU16(100, 0);
const UNKNOWN_FLAG = 0x40;
const DO = 0x8000;
const VERSION_1 = 0x1_0000;
const EVERY_FLAG = FLAG.AA | FLAG.TC | FLAG.RD | FLAG.RA | FLAG.Z | FLAG.AD | FLAG.CD;

const NOERROR = 0;
const FORMERR = 1;
const NOTIMP = 4;
const BADVERS = 16;

/** The compared parts of a reply. */
interface Expected {
  readonly rcode: number;
  /** Header bits other than QR, opcode and RCODE. */
  readonly flags: number;
  readonly answers: number;
  readonly questionBytes: number;
  /** Absent if there is no OPT record. */
  readonly opt?: Pick<NonNullable<StrictMessage['opt']>, 'version' | 'dnssecOk' | 'unassigned'>;
}

interface Case {
  /** The name in genreport. */
  readonly name: string;
  readonly query: Uint8Array;
  readonly ours: Expected;
  /** The reply of unbound 1.17, if it differs. */
  readonly unbound?: Partial<Expected>;
}

const PLAIN_OPT = { version: 0, dnssecOk: false, unassigned: 0 };
const HEADER_ALONE: Expected = { rcode: NOTIMP, flags: 0, answers: 0, questionBytes: 0 };
const ANSWER: Expected = { rcode: NOERROR, flags: FLAG.RD | FLAG.RA, answers: 1, questionBytes: QUESTION.length };
const BAD_VERSION: Expected = { ...ANSWER, rcode: BADVERS, answers: 0, opt: PLAIN_OPT };

const asking = (opt: Uint8Array, flags: number = FLAG.RD): Uint8Array =>
  rawMessage({ flags, questions: [QUESTION], additionals: [opt] });
const withOption = (ttl: number): Uint8Array => rawRecord(rawName(), 41, ttl, UNKNOWN_OPTION, 1232);

const CASES: readonly Case[] = [
  { name: 'opcode', query: rawMessage({ flags: 15 << 11 }), ours: HEADER_ALONE },
  {
    name: 'opcodeflg',
    query: rawMessage({ flags: (15 << 11) | EVERY_FLAG }),
    ours: HEADER_ALONE,
    // unbound checks TC before the opcode; otherwise it echoes the query.
    unbound: { rcode: FORMERR, flags: EVERY_FLAG & ~FLAG.TC },
  },
  {
    name: 'opcode with a question and EDNS',
    query: asking(rawOpt(DO), 15 << 11),
    ours: HEADER_ALONE,
    unbound: { questionBytes: QUESTION.length, opt: { ...PLAIN_OPT, dnssecOk: true } },
  },
  { name: 'zflag', query: rawMessage({ flags: FLAG.RD | FLAG.Z, questions: [QUESTION] }), ours: ANSWER },
  { name: 'aa and ra', query: rawMessage({ flags: FLAG.RD | FLAG.AA | FLAG.RA, questions: [QUESTION] }), ours: ANSWER },
  {
    name: 'type666',
    query: rawMessage({ flags: FLAG.RD, questions: [rawQuestion(NAME, 666)] }),
    ours: { ...ANSWER, answers: 0 },
  },
  { name: 'edns', query: asking(rawOpt()), ours: { ...ANSWER, opt: PLAIN_OPT } },
  { name: 'ednsopt', query: asking(withOption(0)), ours: { ...ANSWER, opt: PLAIN_OPT } },
  { name: 'ednsflags', query: asking(rawOpt(UNKNOWN_FLAG)), ours: { ...ANSWER, opt: PLAIN_OPT } },
  { name: 'do', query: asking(rawOpt(DO)), ours: { ...ANSWER, opt: { ...PLAIN_OPT, dnssecOk: true } } },
  { name: 'edns1', query: asking(rawOpt(VERSION_1)), ours: BAD_VERSION },
  { name: 'edns1opt', query: asking(withOption(VERSION_1)), ours: BAD_VERSION },
  { name: 'edns1flags', query: asking(rawOpt(VERSION_1 | UNKNOWN_FLAG)), ours: BAD_VERSION },
  {
    name: 'edns1do',
    query: asking(rawOpt(VERSION_1 | DO)),
    ours: { ...BAD_VERSION, opt: { ...PLAIN_OPT, dnssecOk: true } },
  },
];

function seenIn(reply: StrictMessage): Expected {
  const { rcode, flags, answers, question, opt } = reply;
  return {
    rcode,
    flags: flags & 0x07f0,
    answers: answers.filter(({ type }) => type !== 46).length,
    questionBytes: question.length,
    ...(opt && { opt: { version: opt.version, dnssecOk: opt.dnssecOk, unassigned: opt.unassigned } }),
  };
}

for (const { name, query, ours, unbound } of CASES) {
  testOverBoth(
    `RFC 8906 §8, ${name}: the reply is as required, and equals unbound’s except for its echoes`,
    async (transport) => {
      const our = readStrictly(await exchange(transport, daemon, query));
      assert.deepEqual(seenIn(our), ours);
      assert.deepEqual(our.opt?.options.filter(({ code }) => code === 100) ?? [], []);
      const theirs = readStrictly(await exchange(transport, { port: upstream.plainPort }, query));
      assert.deepEqual(seenIn(theirs), { ...ours, ...unbound });
    },
  );
}
