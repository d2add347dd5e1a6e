import { readU16 } from './bytes.ts';
import { EDNS_OPTION, readOptions } from './edns-options.ts';
import { FLAG, flagsOf, HEADER, HEADER_BYTES } from './header.ts';
import { skipPlainName } from './name.ts';
import { createRecordReader, type RecordReader } from './record.ts';
import { TYPE } from './tables.ts';

/** TYPE and CLASS behind QNAME (RFC 1035 §4.1.2). */
const QUESTION_FIXED_BYTES = 4;

/** RFC 6891 §6.2.3: values below 512 mean 512, as does no OPT record at all (RFC 1035 §2.3.4). */
export const MIN_UDP_PAYLOAD_BYTES = 512;

/** The DO bit, in the low half of the OPT record's TTL field (RFC 3225 §3, RFC 6891 §6.1.3). */
const DNSSEC_OK = 0x8000;

/**
 * What one pass over a client's query finds, every length checked. Offsets and numbers, no copies.
 *
 * - `short`: no whole header. `response`: QR=1. Neither may be answered: it would let two programs answer each other for ever.
 * - `malformed`: a length, a name or a count is wrong; where `questionEnd` is not 0 the question could still be read.
 */
export interface QueryScan {
  readonly verdict: 'ok' | 'short' | 'response' | 'malformed';
  /** Offset after the question section; 0 if there is none to be read. */
  readonly questionEnd: number;
  /** -1 if there is no question. */
  readonly qtype: number;
  readonly qclass: number;
  /** Whether the query had an OPT record: only then the reply has one (RFC 6891 §6.1.1). */
  readonly edns: boolean;
  readonly ednsVersion: number;
  /** How much the client takes in one datagram: at least 512. */
  readonly udpPayloadBytes: number;
  readonly dnssecOk: boolean;
  /** Whether the client asks how long its connection is kept (RFC 7828 §3.1). */
  readonly keepalive: boolean;
}

const NOTHING_READ = {
  questionEnd: 0,
  qtype: -1,
  qclass: -1,
  edns: false,
  ednsVersion: 0,
  udpPayloadBytes: MIN_UDP_PAYLOAD_BYTES,
  dnssecOk: false,
  keepalive: false,
} as const;

/** Scans one message from a client. Total: returns for any bytes, throws for none. */
export type QueryScanner = (wire: Uint8Array) => QueryScan;

export function createQueryScanner(): QueryScanner {
  const readRecord = createRecordReader();
  return (wire) => scanQuery(wire, readRecord);
}

function scanQuery(wire: Uint8Array, readRecord: RecordReader): QueryScan {
  if (wire.length < HEADER_BYTES) return { verdict: 'short', ...NOTHING_READ };
  if ((flagsOf(wire) & FLAG.QR) !== 0) return { verdict: 'response', ...NOTHING_READ };
  // More than one question has no defined meaning (RFC 9619 §4); none at all is only for cookies (RFC 7873 §5.4), which are not spoken here.
  if (readU16(wire, HEADER.questions) !== 1) return { verdict: 'malformed', ...NOTHING_READ };

  const nameEnd = skipPlainName(wire, HEADER_BYTES);
  const questionEnd = nameEnd + QUESTION_FIXED_BYTES;
  if (nameEnd === -1 || questionEnd > wire.length) return { verdict: 'malformed', ...NOTHING_READ };
  const qtype = readU16(wire, nameEnd);
  const qclass = readU16(wire, nameEnd + 2);

  const recordCount =
    readU16(wire, HEADER.answers) + readU16(wire, HEADER.authorities) + readU16(wire, HEADER.additionals);
  let verdict: QueryScan['verdict'] = 'ok';
  let edns = false;
  let ednsVersion = 0;
  let udpPayloadBytes = MIN_UDP_PAYLOAD_BYTES;
  let dnssecOk = false;
  let keepalive = false;
  let offset = questionEnd;
  for (let i = 0; i < recordCount; i++) {
    const record = readRecord(wire, offset);
    if (record === undefined) {
      verdict = 'malformed';
      break;
    }
    offset = record.end;
    if (record.type !== TYPE.OPT) continue;
    // RFC 6891 §6.1.1: more than one OPT is FORMERR; §6.1.2: its name is the root.
    if (edns || record.owner.length !== 1) verdict = 'malformed';
    edns = true;
    ednsVersion = (record.ttl >>> 16) & 0xff;
    udpPayloadBytes = Math.max(MIN_UDP_PAYLOAD_BYTES, record.class);
    dnssecOk = (record.ttl & DNSSEC_OK) !== 0;
    if (record.dataStart === record.end) continue;
    const options = readOptions(wire, record.dataStart, record.end);
    if (options === undefined) verdict = 'malformed';
    else keepalive = options.some(({ code }) => code === EDNS_OPTION.keepalive);
  }
  return { verdict, questionEnd, qtype, qclass, edns, ednsVersion, udpPayloadBytes, dnssecOk, keepalive };
}
