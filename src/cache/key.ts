import type { PreparedAnswer } from '../message/answer/prepared-answer.ts';
import { FLAG, flagsOf, HEADER_BYTES, QUESTION_FIXED_BYTES } from '../message/wire/header.ts';
import { lowerCase } from '../message/wire/name.ts';
import type { Query } from '../model/query.ts';

/*
 * The cache key: QNAME in any case, QTYPE, QCLASS, and the query's DO and CD bits. All are compared as bytes in place,
 * without strings or decoded labels, because a label may contain any octet.
 */

const DO = 1;
const CD = 2;

/** For FNV-1a (Fowler, Noll, Vo) with 32 bits. The seed prevents chosen collisions. */
const FNV_PRIME = 0x0100_0193;

/** Keeps hashes small integers in V8, which need no heap number. */
const SMALL_INTEGER_MASK = 0x3fff_ffff;

/** The DO and CD bits, which select different answers to one question (RFC 4035 §3.2.1, §4.6; RFC 6840 §5.9). */
export function variantOf(query: Query): number {
  return (query.scan.dnssecOk ? DO : 0) | ((flagsOf(query.wire) & FLAG.CD) !== 0 ? CD : 0);
}

/** Hashes a question regardless of case. */
export function hashQuestion(wire: Uint8Array, questionEnd: number, variant: number, seed: number): number {
  let hash = seed ^ variant;
  for (let i = HEADER_BYTES; i < questionEnd; i++) hash = Math.imul(hash ^ lowerCase(wire[i] as number), FNV_PRIME);
  return (hash ^ (hash >>> 15)) & SMALL_INTEGER_MASK;
}

/** Whether `answer`, whose QNAME is in lower case, has the same question as `wire`. */
export function sameQuestion(wire: Uint8Array, questionEnd: number, answer: PreparedAnswer): boolean {
  if (questionEnd !== answer.questionEnd) return false;
  const nameEnd = questionEnd - QUESTION_FIXED_BYTES;
  const { bytes, start } = answer;
  // Backwards: QTYPE differs more often than the first label.
  for (let i = questionEnd - 1; i >= nameEnd; i--) if (wire[i] !== bytes[start + i]) return false;
  for (let i = nameEnd - 1; i >= HEADER_BYTES; i--) {
    if (lowerCase(wire[i] as number) !== bytes[start + i]) return false;
  }
  return true;
}
