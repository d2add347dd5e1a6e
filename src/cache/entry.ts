import type { Answer } from '../message/answer.ts';

const MS_PER_SECOND = 1000;

/** An answer in the cache, with its places in the index and in its segment's queue. */
export interface Entry {
  readonly hash: number;
  /** The DO and CD bits of the query it answers. */
  readonly variant: number;
  readonly answer: Answer;
  readonly bytes: number;
  /** Milliseconds on the monotonic clock. */
  readonly storedAt: number;
  readonly expiresAt: number;
  /** How many times in a row the question could not be answered; 0 for an answer. */
  readonly failures: number;
  /** Until when an expired answer is given without asking anew, because that has just failed (RFC 8767 §5). */
  recheckAt: number;
  /** Lookups that found it; not counted any further once they are enough for a refresh. */
  hits: number;
  /** From when on a hit has it refreshed ahead of its end; Infinity for never, or never again. */
  refreshAt: number;
  /** Another entry with the same hash. */
  nextInBucket: Entry | undefined;
  /** Whether it was asked for since the hand of its segment came by last. */
  visited: boolean;
  newer: Entry | undefined;
  older: Entry | undefined;
}

/**
 * What an entry costs beside its answer's bytes. Measured with 100,000 of them on Node 24, 64 bits: 477 on V8's heap (this object and its
 * three doubles, the Answer, a typed array and its buffer, the slot in the index) and about 190 in malloc (the backing store's bookkeeping).
 */
export const ENTRY_OVERHEAD_BYTES = 672;

export function createEntry(
  hash: number,
  variant: number,
  answer: Answer,
  storedAt: number,
  expiresAt: number,
  failures = 0,
  refreshAt: number = Infinity,
): Entry {
  return {
    hash,
    variant,
    answer,
    bytes: answer.bytes.length + ENTRY_OVERHEAD_BYTES,
    storedAt,
    expiresAt,
    failures,
    recheckAt: 0,
    hits: 0,
    refreshAt,
    nextInBucket: undefined,
    visited: false,
    newer: undefined,
    older: undefined,
  };
}

/** @param now on the clock of `storedAt`; so for the following */
export function isFresh({ expiresAt }: Entry, now: number): boolean {
  return now < expiresAt;
}

/** Whether an entry that has expired is given without asking anew, because that has just failed. */
export function isResting({ recheckAt }: Entry, now: number): boolean {
  return now < recheckAt;
}

/** By how many whole seconds its TTLs have run down. */
export function ageSeconds({ storedAt }: Entry, now: number): number {
  return Math.floor((now - storedAt) / MS_PER_SECOND);
}
