import { Dns4torError } from '../../failures/errors.ts';
import { readU16, writeU16, writeU32 } from '../wire/bytes.ts';
import { type ExtendedError, readExtendedError } from '../wire/edns.ts';
import {
  FLAG,
  flagsOf,
  HEADER,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  QUESTION_FIXED_BYTES,
  rcodeOf,
} from '../wire/header.ts';
import { lowerCase, octetString, skipPlainName } from '../wire/name.ts';
import {
  clampTtl,
  createRecordReader,
  MAX_NEGATIVE_SECONDS,
  MAX_POSITIVE_SECONDS,
  type ResourceRecord,
  soaMinimum,
  subjectType,
} from '../wire/record.ts';
import { createRecordDataCheck } from '../wire/record-data.ts';
import { RCODE, TYPE } from '../wire/tables.ts';
import { isIrrelevant } from './alias-chain.ts';
import { type AnswerKind, type PreparedAnswer, TTL_OFFSET_BYTES } from './prepared-answer.ts';
import { RelevanceFilter } from './relevance-filter.ts';

/**
 * A parsed answer with the TTLs that limit its time in the cache. It starts at offset 0 of its bytes, which never
 * change.
 */
export interface Answer extends PreparedAnswer {
  /** The lowest TTL of all records, in seconds. Undefined without records. */
  readonly lowestTtl: number | undefined;
  /** RFC 2308 §5: the lower of the SOA's TTL and MINIMUM, in seconds. Undefined without an SOA record in authority. */
  readonly negativeTtl: number | undefined;
}

/**
 * Checks every length in a response and prepares it for the cache. Modifies `wire` temporarily, restores it before
 * returning or throwing, and keeps no reference to it.
 * @throws Dns4torError ERR_RESPONSE_MALFORMED unless it is a well-formed response to one question
 */
export function parseAnswer(wire: Uint8Array): Answer {
  const questionEnd = checkFrame(wire);
  const records: KeptRecord[] = [];
  let sections: Sections;
  try {
    sections = readSections(wire, questionEnd, records);
  } finally {
    for (const { ttlOffset, ttl } of records) writeU32(wire, ttlOffset, ttl);
  }
  // An extended RCODE concerns EDNS or transaction security (BADVERS, BADKEY, BADCOOKIE), which are hop-by-hop like the
  // OPT record (RFC 6891 §6.1.3, §6.2.1). Neither it nor the records with it concern the client.
  const isHopByHop = sections.extendedRcode > 0;
  if (isHopByHop) {
    records.length = 0;
    sections = { ...sections, messageBytes: questionEnd, ...NO_SECTIONS };
  }
  const { messageBytes } = sections;

  const bytes = new Uint8Array(messageBytes + records.length * TTL_OFFSET_BYTES);
  bytes.set(wire.subarray(0, messageBytes));
  writeU16(bytes, HEADER.id, 0);
  writeU16(bytes, HEADER.ancount, sections.answers);
  writeU16(bytes, HEADER.nscount, sections.authorities);
  writeU16(bytes, HEADER.arcount, sections.additionals);
  for (let i = HEADER_BYTES; i < questionEnd - QUESTION_FIXED_BYTES; i++) bytes[i] = lowerCase(bytes[i] as number);

  const rcode = isHopByHop ? RCODE.SERVFAIL : rcodeOf(wire);
  let lowestTtl: number | undefined;
  let tail = messageBytes;
  for (const record of records) {
    // RFC 8767 §4: TTLs are capped in replies as in the cache.
    const ttl = Math.min(record.rrset.ttl, MAX_POSITIVE_SECONDS);
    writeU32(bytes, record.ttlOffset, ttl);
    writeU16(bytes, tail, record.ttlOffset);
    tail += TTL_OFFSET_BYTES;
    if (lowestTtl === undefined || ttl < lowestTtl) lowestTtl = ttl;
  }
  const kind = kindOf(rcode, sections.answered);
  const { soaTtl: negativeTtl, extendedError } = sections;
  const ttlCount = records.length;
  return { bytes, start: 0, messageBytes, ttlCount, questionEnd, rcode, kind, lowestTtl, negativeTtl, extendedError };
}

function kindOf(rcode: number, answered: boolean): AnswerKind {
  if (rcode === RCODE.NXDOMAIN) return 'nxdomain';
  if (rcode !== RCODE.NOERROR) return 'failure';
  return answered ? 'data' : 'nodata';
}

function malformed(): Dns4torError {
  return new Dns4torError('ERR_RESPONSE_MALFORMED');
}

/** Checks header and question. Returns the offset after the question. */
function checkFrame(wire: Uint8Array): number {
  if (wire.length < HEADER_BYTES || wire.length > MAX_MESSAGE_BYTES) throw malformed();
  if ((flagsOf(wire) & FLAG.QR) === 0 || readU16(wire, HEADER.qdcount) !== 1) throw malformed();
  const nameEnd = skipPlainName(wire, HEADER_BYTES);
  if (nameEnd === -1 || nameEnd + QUESTION_FIXED_BYTES > wire.length) throw malformed();
  return nameEnd + QUESTION_FIXED_BYTES;
}

/**
 * The records of one owner, type and class in one section, with their signatures. All get the lowest TTL (RFC 2181
 * §5.2). An RRSIG record belongs to the RRset that it covers (RFC 4034 §3).
 */
interface Rrset {
  ttl: number;
}

/** A record that stays in the answer. */
interface KeptRecord {
  readonly ttlOffset: number;
  /** As received. */
  readonly ttl: number;
  readonly rrset: Rrset;
}

interface Sections {
  /** Length of the message without its OPT record and irrelevant records. */
  readonly messageBytes: number;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
  readonly extendedRcode: number;
  readonly answered: boolean;
  readonly soaTtl: number | undefined;
  readonly extendedError: ExtendedError | undefined;
}

/** The sections of a message without its records. */
const NO_SECTIONS = { answers: 0, authorities: 0, additionals: 0, answered: false, soaTtl: undefined } as const;

/**
 * Overwrites TTLs while names are read. Its octets are neither label lengths nor pointers (RFC 1035 §4.1.4), so a name
 * that includes a TTL field is malformed. Otherwise it would change when the TTL is patched.
 */
const INVALID_IN_NAME = 0x8080_8080;

/**
 * Reads all records and decides which stay.
 * @param records receives the records that stay. Their TTLs in `wire` are overwritten with {@link INVALID_IN_NAME}.
 */
function readSections(wire: Uint8Array, questionEnd: number, records: KeptRecord[]): Sections {
  const readRecord = createRecordReader();
  const hasProperData = createRecordDataCheck();
  const qtype = readU16(wire, questionEnd - QUESTION_FIXED_BYTES);
  const qclass = readU16(wire, questionEnd - 2);
  const filter = new RelevanceFilter(wire, questionEnd, records);
  const rrsets = new Rrsets();
  let offset = questionEnd;
  let messageBytes = questionEnd;
  let answered = false;
  let soa: Rrset | undefined;

  const keep = (section: number, record: ResourceRecord): void => {
    const type = subjectType(wire, record);
    if (type === -1) throw malformed();
    const rrset = rrsets.of(section, type, record);
    records.push({ ttlOffset: record.ttlOffset, ttl: record.ttl, rrset });
    writeU32(wire, record.ttlOffset, INVALID_IN_NAME);
    if (!hasProperData(wire, record)) throw malformed();
    rrset.ttl = Math.min(rrset.ttl, clampTtl(record.ttl));
    if (section === HEADER.nscount && record.type === TYPE.SOA) {
      // RFC 2308 §5: the SOA of a negative answer gets the lower of its TTL and MINIMUM, and counts down from there.
      const minimum = soaMinimum(wire, record);
      if (minimum === undefined) throw malformed();
      rrset.ttl = Math.min(rrset.ttl, minimum, MAX_NEGATIVE_SECONDS);
      soa = rrset;
    }
    messageBytes = record.end;
  };
  const next = (section: number): ResourceRecord => {
    const record = readRecord(wire, offset);
    if (record === undefined) throw malformed();
    // RFC 6891 §6.1.1: OPT belongs in the additional section. In another section it would be passed to the client.
    if (record.type === TYPE.OPT && section !== HEADER.arcount) throw malformed();
    offset = record.end;
    return record;
  };

  // From the first irrelevant record on, everything but OPT is cut off, because names in later records may point into
  // it. The answer section loses nothing relevant (see `isAnswerOfQuestion`). The other sections lose only what honest
  // servers never put behind such a record.
  let cut = false;
  let answers = 0;
  for (let i = readU16(wire, HEADER.ancount); i > 0; i--) {
    const record = next(HEADER.ancount);
    cut ||= isIrrelevant(wire, record, qtype, qclass);
    if (cut) continue;
    if (record.type === qtype || qtype === TYPE.ANY) answered = true;
    keep(HEADER.ancount, record);
    answers++;
  }
  let authorities = 0;
  for (let i = readU16(wire, HEADER.nscount); i > 0; i--) {
    const record = next(HEADER.nscount);
    cut ||= !filter.allowsAuthority(record);
    if (cut) continue;
    keep(HEADER.nscount, record);
    authorities++;
  }

  let additionals = 0;
  let opt: ResourceRecord | undefined;
  for (let i = readU16(wire, HEADER.arcount); i > 0; i--) {
    const record = next(HEADER.arcount);
    if (record.type === TYPE.OPT) {
      // RFC 6891 §6.1.1: at most one OPT.
      if (opt !== undefined) throw malformed();
      opt = record;
    }
    cut ||= !filter.allowsAdditional(record);
    if (cut) continue;
    keep(HEADER.arcount, record);
    additionals++;
  }
  // The upper eight bits of the RCODE (RFC 6891 §6.1.3).
  const extendedRcode = opt === undefined ? 0 : opt.ttl >>> 24;
  const extendedError = opt === undefined ? undefined : readExtendedError(wire, opt.dataStart, opt.end);
  return {
    messageBytes,
    answers,
    authorities,
    additionals,
    extendedRcode,
    answered,
    soaTtl: soa?.ttl,
    extendedError,
  };
}

/** RRsets by section, type, class and owner. */
class Rrsets {
  readonly #byKey = new Map<string, Rrset>();
  /** The RRset of the previous record and its key: most records belong to the same one. */
  #last: Rrset | undefined;
  #lastSection = -1;
  #lastType = -1;
  #lastClass = -1;
  #lastOwner: Uint8Array | undefined;
  #ownerText = '';

  of(section: number, type: number, { owner, class: rrclass }: ResourceRecord): Rrset {
    const isSameOwner = owner === this.#lastOwner;
    const isSameKind = section === this.#lastSection && type === this.#lastType && rrclass === this.#lastClass;
    if (isSameOwner && isSameKind && this.#last !== undefined) return this.#last;
    if (!isSameOwner) this.#ownerText = octetString(owner);
    const key = `${section} ${type} ${rrclass} ${this.#ownerText}`;
    let rrset = this.#byKey.get(key);
    if (rrset === undefined) this.#byKey.set(key, (rrset = { ttl: Infinity }));
    this.#last = rrset;
    this.#lastSection = section;
    this.#lastType = type;
    this.#lastClass = rrclass;
    this.#lastOwner = owner;
    return rrset;
  }
}
