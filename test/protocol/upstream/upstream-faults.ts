import { rawMessage, rawName, rawOpt, rawQuestion, rawRecord } from '../../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { FLAG } from '../reply.ts';
import { addressOf, answering, QNAME, questionOf, RESPONSE_FLAGS, responseTo, TYPE } from '../upstream-messages.ts';

const ANSWERS = [addressOf()];

/** A good response, as bytes that tests may change. */
function distorted(change: (response: Buffer) => void): DohBehaviour {
  return ({ query }) => {
    const body = Buffer.from(responseTo(query, { answers: ANSWERS }));
    change(body);
    return { body };
  };
}

function withQuestions(...questions: readonly Uint8Array[]): DohBehaviour {
  return answering({ questions, answers: ANSWERS });
}

/** An answer of exactly this many octets. */
export function sized(bytes: number): DohBehaviour {
  return ({ query }) => {
    const overhead = responseTo(query).length + QNAME.length + 10;
    return { body: responseTo(query, { answers: [rawRecord(QNAME, 65_400, 300, new Uint8Array(bytes - overhead))] }) };
  };
}

/** A correct answer of this size. */
async function* endless(query: Uint8Array, bytes: number): AsyncGenerator<Uint8Array> {
  yield responseTo(query, { answers: ANSWERS });
  for (let sent = 0; sent < bytes; sent += 1000) yield new Uint8Array(1000);
}

export interface Fault {
  readonly label: string;
  readonly behaviour: string;
  readonly upstream: DohBehaviour;
  /** RFC 8914: 22 is No Reachable Authority, 24 Invalid Data. */
  readonly ede: 22 | 24;
  /** The metric's label. */
  readonly outcome: string;
}

function mismatch(label: string, behaviour: string, upstream: DohBehaviour): Fault {
  return { label, behaviour, upstream, ede: 24, outcome: 'response_mismatch' };
}

function malformed(label: string, behaviour: string, upstream: DohBehaviour): Fault {
  return { label, behaviour, upstream, ede: 24, outcome: 'response_malformed' };
}

function status(code: number): Fault {
  return {
    label: `status-${code}`,
    behaviour: `RFC 8484 §4.2.1: HTTP status ${code}, with a good answer for its body`,
    upstream: ({ query }) => ({
      status: code,
      headers: { location: '/elsewhere' },
      body: responseTo(query, { answers: ANSWERS }),
    }),
    ede: 22,
    outcome: 'doh_status',
  };
}

function contentType(label: string, type: string): Fault {
  return {
    label,
    behaviour: `RFC 8484 §6: content type "${type}"`,
    upstream: ({ query }) => ({ headers: { 'content-type': type }, body: responseTo(query, { answers: ANSWERS }) }),
    ede: 24,
    outcome: 'doh_content_type',
  };
}

/** Upstream responses that are not answers to any question. */
export const FAULTS: readonly Fault[] = [
  mismatch(
    'wrong-id',
    'RFC 5452 §9.1: another ID',
    distorted((body) => body.writeUInt16BE(1, 0)),
  ),
  mismatch('wrong-name', 'RFC 5452 §9.1: another name in the question', withQuestions(rawQuestion(rawName('bank')))),
  mismatch('wrong-type', 'RFC 5452 §9.1: another type in the question', ({ query }) => {
    const question = Buffer.from(questionOf(query));
    question.writeUInt16BE(28, question.length - 4);
    return { body: responseTo(query, { questions: [question], answers: ANSWERS }) };
  }),
  mismatch('wrong-class', 'RFC 5452 §9.1: another class in the question', ({ query }) => {
    const question = Buffer.from(questionOf(query));
    question.writeUInt16BE(3, question.length - 2);
    return { body: responseTo(query, { questions: [question], answers: ANSWERS }) };
  }),
  mismatch('no-question', 'RFC 5452 §9.1: no question', () => ({
    body: rawMessage({ id: 0, flags: RESPONSE_FLAGS, answers: [addressOf(rawName('no-question', 'example'))] }),
  })),
  mismatch('two-questions', 'RFC 9619 §4: two questions', ({ query }) => ({
    body: responseTo(query, { questions: [questionOf(query), questionOf(query)], answers: ANSWERS }),
  })),
  mismatch(
    'opcode',
    'RFC 1035 §4.1.1: another opcode',
    answering({ flags: RESPONSE_FLAGS | (4 << 11), answers: ANSWERS }),
  ),
  malformed('no-reply', 'RFC 1035 §4.1.1: QR=0', answering({ flags: FLAG.RD, answers: ANSWERS })),
  {
    label: 'truncated',
    behaviour: 'RFC 2181 §9: TC=1',
    outcome: 'response_truncated',
    ede: 24,
    upstream: answering({ flags: RESPONSE_FLAGS | FLAG.TC, answers: ANSWERS }),
  },
  malformed('empty', 'RFC 8484 §4.2.1: an empty body', () => ({ body: new Uint8Array(0) })),
  malformed('short', 'RFC 8484 §4.2.1: a body of 11 octets', ({ query }) => ({
    body: responseTo(query).subarray(0, 11),
  })),
  malformed(
    'opt-twice',
    'RFC 6891 §6.1.1: two OPT records',
    answering({ answers: ANSWERS, additionals: [rawOpt(), rawOpt()] }),
  ),
  malformed(
    'soa',
    'RFC 1035 §3.3.13: a SOA record without its fields',
    answering({
      authorities: [rawRecord(QNAME, TYPE.soa, 300, new Uint8Array(4))],
    }),
  ),
  {
    label: 'cut',
    behaviour: 'RFC 1035 §4.1: a record that is cut off',
    outcome: 'response_chain',
    ede: 24,
    upstream: ({ query }) => ({
      body: responseTo(query, { answers: ANSWERS }).subarray(0, -1),
    }),
  },
  {
    label: 'counts',
    behaviour: 'RFC 1035 §4.1.1: more answers counted than there are',
    outcome: 'response_chain',
    ede: 24,
    upstream: answering({
      answers: ANSWERS,
      counts: [1, 0xffff, 0, 0],
    }),
  },
  ...[301, 404, 429, 500, 503].map(status),
  contentType('html', 'text/html'),
  contentType('json', 'application/dns-json'),
  {
    label: 'size-65536',
    behaviour: 'RFC 8484 §6: a body of 65,536 octets',
    upstream: sized(65_536),
    ede: 24,
    outcome: 'doh_body_size',
  },
  {
    label: 'size-70000',
    behaviour: 'RFC 8484 §6: a body of 70 kB, piece by piece',
    ede: 24,
    outcome: 'doh_body_size',
    upstream: ({ query }) => ({
      body: endless(query, 70_000),
    }),
  },
];
