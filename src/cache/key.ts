import { FLAG, flagsOf, HEADER_BYTES, QUESTION_FIXED_BYTES } from '../message/wire/header.ts';
import { lowerCase } from '../message/wire/name.ts';
import type { PreparedAnswer } from '../message/answer/prepared-answer.ts';
import type { Query } from '../model/query.ts';

/*
 * The key of a kept answer: QNAME without regard to case, QTYPE, QCLASS, and the query's DO and CD bits, all compared as bytes where
 * they stand. No string is made and no label is decoded: a label may hold any octet.
 */

const DO = 1;
const CD = 2;

/** FNV-1a (Fowler, Noll, Vo), 32 bits, over the folded question; seeded, so that nobody can choose names that collide. */
const FNV_PRIME = 0x0100_0193;

/** Keeps a hash a small integer for V8, which then needs no heap number. */
const SMALL_INTEGER_MASK = 0x3fff_ffff;

/** DO and CD lead to different answers for the same question (RFC 4035 §3.2.1, §4.6; RFC 6840 §5.9). */
export function variantOf(query: Query): number {
  return (query.scan.dnssecOk ? DO : 0) | ((flagsOf(query.wire) & FLAG.CD) !== 0 ? CD : 0);
}

export function hashQuestion(wire: Uint8Array, questionEnd: number, variant: number, seed: number): number {
  let hash = seed ^ variant;
  for (let i = HEADER_BYTES; i < questionEnd; i++) hash = Math.imul(hash ^ lowerCase(wire[i] as number), FNV_PRIME);
  return (hash ^ (hash >>> 15)) & SMALL_INTEGER_MASK;
}

/** Whether `answer`, whose QNAME is in small letters, answers the question that stands in `wire`. */
export function sameQuestion(wire: Uint8Array, questionEnd: number, answer: PreparedAnswer): boolean {
  if (questionEnd !== answer.questionEnd) return false;
  const nameEnd = questionEnd - QUESTION_FIXED_BYTES;
  const { bytes, start } = answer;
  // From the end: QTYPE differs more often than the first label.
  for (let i = questionEnd - 1; i >= nameEnd; i--) if (wire[i] !== bytes[start + i]) return false;
  for (let i = nameEnd - 1; i >= HEADER_BYTES; i--) {
    if (lowerCase(wire[i] as number) !== bytes[start + i]) return false;
  }
  return true;
}
