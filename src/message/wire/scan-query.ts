import { readU16, readU32 } from './bytes.ts';
import { DNSSEC_OK, EDNS_OPTION, OPTION_HEADER_BYTES } from './edns.ts';
import { FLAG, flagsOf, HEADER, HEADER_BYTES, QUESTION_FIXED_BYTES } from './header.ts';
import { MAX_NAME_BYTES, readName, skipPlainName } from './name.ts';
import { RECORD_FIXED_BYTES } from './record.ts';
import { TYPE } from './tables.ts';

/** RFC 6891 §6.2.3: values below 512 count as 512, and so does a query without OPT (RFC 1035 §2.3.4). */
const MIN_UDP_PAYLOAD_BYTES = 512;

/** The result of one pass over a client's query, with every length checked. Offsets and numbers, no copies. */
export interface QueryScan {
  /**
   * - `short`: no whole header. `response`: QR=1. Neither is answered, or two programs could answer each other forever.
   * - `malformed`: a length, a name or a count is wrong. If `questionEnd` is not 0, the question is valid.
   */
  readonly verdict: 'ok' | 'short' | 'response' | 'malformed';
  /** Offset after the question section; 0 without a valid question. */
  readonly questionEnd: number;
  /** -1 without a valid question. */
  readonly qtype: number;
  /** -1 without a valid question. */
  readonly qclass: number;
  /** Whether the query has an OPT record. Only then does the reply have one (RFC 6891 §6.1.1). */
  readonly edns: boolean;
  readonly ednsVersion: number;
  /** The largest datagram that the client accepts; at least 512. */
  readonly udpPayloadBytes: number;
  readonly dnssecOk: boolean;
  /** Whether the client asks for the idle timeout of its connection (RFC 7828 §3.1). */
  readonly keepalive: boolean;
  /** Whether the query is padded, and so asks for a padded reply (RFC 7830 §4). */
  readonly padded: boolean;
  /** Whether the client asks where its answer comes from (`provenance.ts`). */
  readonly provenance: boolean;
}

type Found = { -readonly [Field in keyof QueryScan]: QueryScan[Field] };

/**
 * Scans one message from a client. Never throws. Each call returns the same object, so that a cache hit allocates
 * nothing: a result is valid until the next call.
 */
export type QueryScanner = (wire: Uint8Array) => QueryScan;

/** Creates a scanner with its own buffer and result object. */
export function createQueryScanner(): QueryScanner {
  const owner = new Uint8Array(MAX_NAME_BYTES);
  const found: Found = {
    verdict: 'ok',
    questionEnd: 0,
    qtype: -1,
    qclass: -1,
    edns: false,
    ednsVersion: 0,
    udpPayloadBytes: MIN_UDP_PAYLOAD_BYTES,
    dnssecOk: false,
    keepalive: false,
    padded: false,
    provenance: false,
  };
  return (wire) => {
    found.questionEnd = 0;
    found.qtype = -1;
    found.qclass = -1;
    found.edns = false;
    found.ednsVersion = 0;
    found.udpPayloadBytes = MIN_UDP_PAYLOAD_BYTES;
    found.dnssecOk = false;
    found.keepalive = false;
    found.padded = false;
    found.provenance = false;
    found.verdict = scanQuery(wire, found, owner);
    return found;
  };
}

function scanQuery(wire: Uint8Array, found: Found, owner: Uint8Array): QueryScan['verdict'] {
  if (wire.length < HEADER_BYTES) return 'short';
  if ((flagsOf(wire) & FLAG.QR) !== 0) return 'response';
  // More than one question has no defined meaning (RFC 9619 §4). None is for cookies only (RFC 7873 §5.4), which
  // dns4tor does not support.
  const questions = readU16(wire, HEADER.qdcount);
  if (questions > 1) return 'malformed';

  let verdict: QueryScan['verdict'] = 'malformed';
  let offset = HEADER_BYTES;
  if (questions === 1) {
    const nameEnd = skipPlainName(wire, HEADER_BYTES);
    const questionEnd = nameEnd + QUESTION_FIXED_BYTES;
    if (nameEnd === -1 || questionEnd > wire.length) return 'malformed';
    found.questionEnd = questionEnd;
    found.qtype = readU16(wire, nameEnd);
    found.qclass = readU16(wire, nameEnd + 2);
    verdict = 'ok';
    offset = questionEnd;
  }
  const records = readU16(wire, HEADER.ancount) + readU16(wire, HEADER.nscount) + readU16(wire, HEADER.arcount);
  for (let i = 0; i < records; i++) {
    const isRoot = wire[offset] === 0;
    // Nearly all queries have at most an OPT record, whose owner is the root.
    const ownerEnd = isRoot ? offset + 1 : readName(wire, offset, owner)?.end;
    if (ownerEnd === undefined) return 'malformed';
    const dataStart = ownerEnd + RECORD_FIXED_BYTES;
    if (dataStart > wire.length) return 'malformed';
    const dataEnd = dataStart + readU16(wire, dataStart - 2);
    if (dataEnd > wire.length) return 'malformed';
    offset = dataEnd;
    if (readU16(wire, ownerEnd) !== TYPE.OPT) continue;
    // RFC 6891 §6.1.1: more than one OPT is FORMERR; §6.1.2: its name is the root.
    if (found.edns || !isRoot) verdict = 'malformed';
    if (!readOpt(wire, ownerEnd, dataStart, dataEnd, found)) verdict = 'malformed';
  }
  return verdict;
}

/**
 * Reads the OPT record whose fixed fields start at `fixed` (RFC 6891 §6.1.2). Returns false if its options are
 * malformed.
 */
function readOpt(wire: Uint8Array, fixed: number, dataStart: number, dataEnd: number, found: Found): boolean {
  const ttl = readU32(wire, fixed + 4);
  found.edns = true;
  found.ednsVersion = (ttl >>> 16) & 0xff;
  found.udpPayloadBytes = Math.max(MIN_UDP_PAYLOAD_BYTES, readU16(wire, fixed + 2));
  found.dnssecOk = (ttl & DNSSEC_OK) !== 0;
  // Unlike `readOptions`, this allocates nothing: browsers and phones pad each query.
  let offset = dataStart;
  while (offset < dataEnd) {
    const optionStart = offset + OPTION_HEADER_BYTES;
    if (optionStart > dataEnd) return false;
    const code = readU16(wire, offset);
    offset = optionStart + readU16(wire, offset + 2);
    if (offset > dataEnd) return false;
    if (code === EDNS_OPTION.keepalive) found.keepalive = true;
    else if (code === EDNS_OPTION.padding) found.padded = true;
    else if (code === EDNS_OPTION.provenance) found.provenance = true;
  }
  return true;
}
