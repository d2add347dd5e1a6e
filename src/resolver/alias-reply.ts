import { MessageBuilder } from '../message/answer/message-builder.ts';
import { readU16, writeU16 } from '../message/wire/bytes.ts';
import {
  FLAG,
  flagsOf,
  HEADER,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  QUESTION_FIXED_BYTES,
} from '../message/wire/header.ts';
import { createRecordReader, type ResourceRecord } from '../message/wire/record.ts';
import { TYPE } from '../message/wire/tables.ts';
import type { Query } from '../model/query.ts';
import type { Alias } from '../policy/own-names.ts';
import { padReply } from './padding.ts';

/**
 * The query for an alias's target, of the same type and from the same client. Only the reply to the client is padded.
 */
export function queryForTarget(query: Query, { target }: Alias): Query {
  const { questionEnd } = query.scan;
  const wire = new Uint8Array(HEADER_BYTES + target.length + QUESTION_FIXED_BYTES);
  wire.set(query.wire.subarray(0, HEADER_BYTES));
  writeU16(wire, HEADER.qdcount, 1);
  for (const section of [HEADER.ancount, HEADER.nscount, HEADER.arcount]) writeU16(wire, section, 0);
  wire.set(target, HEADER_BYTES);
  wire.set(query.wire.subarray(questionEnd - QUESTION_FIXED_BYTES, questionEnd), HEADER_BYTES + target.length);
  return { ...query, wire, scan: { ...query.scan, questionEnd: wire.length, padded: false } };
}

/**
 * Turns the reply for an alias's target into the reply for the alias: its question, the CNAME record, then the records
 * of the reply.
 * @param reply to {@link queryForTarget}
 * @param maxBytes maximum length; a longer reply is truncated
 * @throws Dns4torError ERR_RESPONSE_MALFORMED if the reply exceeds the maximum size of a message
 */
export function replyForAlias(query: Query, alias: Alias, reply: Uint8Array, maxBytes: number): Uint8Array {
  const targetEnd = HEADER_BYTES + alias.target.length + QUESTION_FIXED_BYTES;
  const records = [...readRecords(reply, targetEnd)];
  const isTruncated = (flagsOf(reply) & FLAG.TC) !== 0;
  const whole = isTruncated ? undefined : build(query, reply, records, alias);
  if (whole !== undefined && whole.length <= maxBytes) return whole;
  const opt = records.filter(({ record }) => record.type === TYPE.OPT);
  const truncated = build(query, reply, opt, undefined);
  writeU16(truncated, HEADER.flags, flagsOf(truncated) | FLAG.TC);
  return truncated;
}

interface Placed {
  readonly section: typeof HEADER.ancount | typeof HEADER.nscount | typeof HEADER.arcount;
  readonly record: ResourceRecord;
}

function build(query: Query, reply: Uint8Array, records: readonly Placed[], alias: Alias | undefined): Uint8Array {
  const builder = new MessageBuilder(query.wire, query.scan.questionEnd);
  if (alias !== undefined) builder.append(HEADER.ancount, alias.record);
  let lastStart = builder.length;
  for (const { section, record } of records) {
    lastStart = builder.length;
    builder.copy(section, reply, record);
  }
  const message = query.scan.padded ? pad(query, builder.finish(), lastStart) : builder.finish();
  // No signature covers the CNAME record (RFC 4035 §3.2.3).
  writeU16(message, HEADER.flags, flagsOf(reply) & ~FLAG.AD);
  return message;
}

/** @param optStart offset of the OPT record, which any reply to a padded query has */
function pad(query: Query, message: Uint8Array, optStart: number): Uint8Array {
  const space = new Uint8Array(MAX_MESSAGE_BYTES);
  space.set(message);
  return space.slice(0, padReply(query, space, optStart, message.length));
}

function* readRecords(reply: Uint8Array, questionEnd: number): Generator<Placed> {
  const readRecord = createRecordReader();
  let offset = questionEnd;
  for (const section of [HEADER.ancount, HEADER.nscount, HEADER.arcount] as const) {
    for (let i = readU16(reply, section); i > 0; i--) {
      const record = readRecord(reply, offset);
      if (record === undefined) return;
      yield { section, record };
      offset = record.end;
    }
  }
}
