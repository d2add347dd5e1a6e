import { EDE } from '../failures/failures.ts';
import { type Answer, parseAnswer } from '../message/answer/answer.ts';
import { MessageBuilder, type Section } from '../message/answer/message-builder.ts';
import { type PreparedAnswer, ttlOffset } from '../message/answer/prepared-answer.ts';
import { readU16, writeU16 } from '../message/wire/bytes.ts';
import type { ExtendedError } from '../message/wire/edns.ts';
import { FLAG, flagsOf, HEADER } from '../message/wire/header.ts';
import { MAX_NAME_BYTES, octetString, readName } from '../message/wire/name.ts';
import { createRecordReader, type ResourceRecord, subjectType, TYPE_TO_TTL_BYTES } from '../message/wire/record.ts';
import { RCODE, TYPE } from '../message/wire/tables.ts';
import { buildLocalAnswer, NO_RECORDS, soaAtQname } from './local-answer.ts';
import { hasPrivateAddress } from './private-addresses.ts';

/** TTL and RDLENGTH: the distance from the TTL field to the RDATA. RDLENGTH is its last two octets. */
const TTL_TO_DATA_BYTES = 6;
const TTL_BYTES = 4;

/** Where the name is in the RDATA of the types that lead to another name. */
const TARGET_OFFSETS: ReadonlyMap<number, number> = new Map([
  [TYPE.CNAME, 0],
  [TYPE.SVCB, 2],
  [TYPE.HTTPS, 2],
]);

/** RFC 8914 §4.16 (Blocked), for answers without their private addresses. */
const PRIVATE_ERROR: ExtendedError = {
  code: EDE.blocked,
  text: 'private addresses were removed from the answer for a public name (--private-answers)',
};

/** The TTL of an answer that replaces one from upstream is the upstream's, but at most this. */
const MAX_REPLACED_TTL_SECONDS = 3600;

/** Whether a record of the answer leads to a name for which `isBlocked` holds. */
export function leadsTo(answer: PreparedAnswer, isBlocked: (wire: Uint8Array) => boolean): boolean {
  const { bytes } = answer;
  let nameBuffer: Uint8Array | undefined;
  for (let i = 0; i < answer.ttlCount; i++) {
    const at = answer.start + ttlOffset(answer, i);
    const offset = TARGET_OFFSETS.get(readU16(bytes, at - TYPE_TO_TTL_BYTES));
    if (offset === undefined) continue;
    nameBuffer ??= new Uint8Array(MAX_NAME_BYTES);
    const message = answer.start === 0 ? bytes : bytes.subarray(answer.start);
    const name = readName(message, at - answer.start + TTL_TO_DATA_BYTES + offset, nameBuffer);
    if (name !== undefined && isBlocked(nameBuffer.subarray(0, name.length))) return true;
  }
  return false;
}

/** Whether a record of the answer has a private address. */
export function hasPrivateRecord(answer: PreparedAnswer): boolean {
  const { bytes, start } = answer;
  for (let i = 0; i < answer.ttlCount; i++) {
    const at = start + ttlOffset(answer, i);
    const dataStart = at + TTL_TO_DATA_BYTES;
    const type = readU16(bytes, at - TYPE_TO_TTL_BYTES);
    if (hasPrivateAddress(bytes, type, dataStart, dataStart + readU16(bytes, at + TTL_BYTES))) return true;
  }
  return false;
}

/**
 * Removes the records with private addresses, and the signatures of the RRsets that they were in. If no record of QTYPE
 * remains, the answer says that there is no data.
 */
export function withoutPrivateRecords(answer: Answer): Answer {
  const changed = changedRrsets(answer);
  const builder = new MessageBuilder(answer.bytes, answer.questionEnd);
  eachRecord(answer, (section, record) => {
    const { type, dataStart, end } = record;
    if (hasPrivateAddress(answer.bytes, type, dataStart, end)) return;
    if (type === TYPE.RRSIG && changed.has(rrsetKey(section, record, answer.bytes))) return;
    builder.copy(section, answer.bytes, record);
  });
  const message = builder.finish();
  // RFC 4035 §3.2.3: AD says that all records are authentic and complete.
  writeU16(message, HEADER.flags, flagsOf(message) & ~FLAG.AD);
  const rest = { ...parseAnswer(message), extendedError: PRIVATE_ERROR };
  return rest.kind === answer.kind ? rest : withoutData(answer, PRIVATE_ERROR);
}

/** An answer that takes the place of one from upstream and says that there is no data. */
function withoutData(answer: Answer, extendedError: ExtendedError): Answer {
  const soa = soaAtQname(replacedTtl(answer));
  const question = { wire: answer.bytes, scan: answer };
  return { ...buildLocalAnswer(question, RCODE.NOERROR, NO_RECORDS, soa), extendedError };
}

/** The TTL of an answer that takes the place of one from upstream, in seconds. */
export function replacedTtl({ lowestTtl = 0 }: Answer): number {
  return Math.min(lowestTtl, MAX_REPLACED_TTL_SECONDS);
}

/** The RRsets that lose a record. */
function changedRrsets(answer: Answer): ReadonlySet<string> {
  const keys = new Set<string>();
  eachRecord(answer, (section, record) => {
    const { type, dataStart, end } = record;
    if (hasPrivateAddress(answer.bytes, type, dataStart, end)) keys.add(rrsetKey(section, record, answer.bytes));
  });
  return keys;
}

/** The same for a record and the signatures of its RRset. */
function rrsetKey(section: Section, record: ResourceRecord, wire: Uint8Array): string {
  return `${section} ${subjectType(wire, record)} ${octetString(record.owner)}`;
}

function eachRecord(answer: Answer, visit: (section: Section, record: ResourceRecord) => void): void {
  const wire = answer.bytes.subarray(0, answer.messageBytes);
  const readRecord = createRecordReader();
  let offset = answer.questionEnd;
  for (const section of [HEADER.ancount, HEADER.nscount, HEADER.arcount]) {
    for (let i = readU16(wire, section); i > 0; i--) {
      const record = readRecord(wire, offset);
      if (record === undefined) return;
      visit(section, record);
      offset = record.end;
    }
  }
}
