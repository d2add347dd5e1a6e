import type { Answer } from '../message/answer/answer.ts';
import type { PreparedAnswer } from '../message/answer/prepared-answer.ts';
import { HEADER_BYTES, QUESTION_FIXED_BYTES } from '../message/wire/header.ts';
import { lowerCase, octetString } from '../message/wire/name.ts';
import type { Query } from '../model/query.ts';
import { minimalAnyAnswer } from './minimal-any.ts';
import { specialUseAnswer } from './special-use-names.ts';

/** Whether a name belongs to a route. The name is in wire form and in lower case, as `octetString` returns it. */
export type RouteCover = (qname: string) => boolean;

/** Settings of a {@link Policy}. */
export interface PolicyInit {
  /** Whether single-label names and undelegated top-level domains are denied. The other special-use names always are. */
  readonly deniesUndelegated: boolean;
  /** @default no routes */
  readonly covers?: RouteCover;
}

/**
 * The local answers, and the review of upstream answers before they are cached. Immutable: a reload replaces the whole
 * policy.
 */
export class Policy {
  readonly #init: PolicyInit;

  constructor(init: PolicyInit) {
    this.#init = init;
  }

  /** The local answer to a query. Undefined if the query may go to a route or upstream. */
  answer(query: Query): Answer | undefined {
    const { deniesUndelegated, covers } = this.#init;
    const qname = qnameOf(query.wire, query.scan.questionEnd);
    const isRouted = covers?.(qname) === true;
    const special = isRouted ? undefined : specialUseAnswer(query, qname, deniesUndelegated);
    return special ?? minimalAnyAnswer(query);
  }

  /** Reviews an answer from upstream before it is cached and sent to a client. Returns what takes its place. */
  review(answer: Answer): Answer {
    return answer;
  }

  /** Whether a cached answer is one that this policy would give. For the cache, after a reload. */
  keeps(_answer: PreparedAnswer): boolean {
    return true;
  }
}

function qnameOf(wire: Uint8Array, questionEnd: number): string {
  return octetString(wire.subarray(HEADER_BYTES, questionEnd - QUESTION_FIXED_BYTES).map(lowerCase));
}
