import { EDE } from '../failures/failures.ts';
import type { Answer } from '../message/answer/answer.ts';
import type { PreparedAnswer } from '../message/answer/prepared-answer.ts';
import { readU16 } from '../message/wire/bytes.ts';
import { HEADER_BYTES, QUESTION_FIXED_BYTES } from '../message/wire/header.ts';
import { lowerCase, octetString, withAncestors } from '../message/wire/name.ts';
import { RCODE } from '../message/wire/tables.ts';
import type { BlockReason, Metrics, NameSource } from '../metrics/metrics.ts';
import type { Query } from '../model/query.ts';
import { hasPrivateRecord, leadsTo, replacedTtl, withoutPrivateRecords } from './answer-review.ts';
import { type BlockAnswer, BlockAnswers, LIST_ERROR } from './blocking/block-answer.ts';
import type { NameSet, Verdict } from './blocking/name-set.ts';
import { type Designates, discoveryAnswer, isDiscovery } from './designated-resolvers.ts';
import type { LocalQuestion } from './local-answer.ts';
import { minimalAnyAnswer } from './minimal-any.ts';
import type { Alias, OwnNames } from './own-names.ts';
import { specialUseAnswer } from './special-use-names.ts';

/** Whether a name belongs to a route. The name is in wire form and in lower case, as `octetString` returns it. */
export type RouteCover = (qname: string) => boolean;

/** Settings of a {@link Policy}. */
export interface PolicyInit {
  /**
   * Whether single-label names and undelegated top-level domains are denied. The other special-use names always are.
   */
  readonly deniesUndelegated: boolean;
  /** Whether records with private addresses are removed from answers for public names. */
  readonly removesPrivate: boolean;
  /** Names whose answers keep private addresses, with the names below, in the form of {@link RouteCover}. */
  readonly keepsPrivateFor?: ReadonlySet<string>;
  readonly ownNames?: OwnNames;
  /** The names of the block lists and allow lists. */
  readonly lists?: NameSet;
  /** How blocked names are answered. @default 'nxdomain' */
  readonly blockAnswer?: BlockAnswer;
  /** @default no routes */
  readonly covers?: RouteCover;
  /** @default no encrypted resolver */
  readonly designates?: Designates;
  readonly metrics?: Pick<Metrics, 'blocked'>;
}

/** TTL of the answer for a name that a list blocks, in seconds. A corrected list takes effect soon. */
const BLOCKED_TTL_SECONDS = 10;

/**
 * The local answers, and the review of upstream answers before they are cached. Immutable: a reload replaces the whole
 * policy.
 */
export class Policy {
  readonly #init: PolicyInit;
  readonly #blockAnswers: BlockAnswers;

  constructor(init: PolicyInit) {
    this.#init = init;
    this.#blockAnswers = this.#createBlockAnswers(BLOCKED_TTL_SECONDS);
  }

  /** Numbers of names by their source, for the metrics. */
  get sizes(): Readonly<Record<NameSource, number>> {
    const { ownNames, lists } = this.#init;
    return { own: ownNames?.size ?? 0, block: lists?.counts.block ?? 0, allow: lists?.counts.allow ?? 0 };
  }

  /**
   * The local answer to a query, or the alias to follow for it. Undefined if the query may go to a route or upstream.
   */
  answer(query: Query): Answer | Alias | undefined {
    const { wire, scan } = query;
    const decision = this.#decide(query, nameOf(wire, scan.questionEnd), scan.qtype, query.server);
    if (decision !== undefined && 'extendedError' in decision && decision.extendedError === LIST_ERROR) {
      this.#count('list');
    }
    return decision;
  }

  /** Reviews an answer from upstream before it is cached and sent to a client. Returns what takes its place. */
  review(answer: Answer): Answer {
    const { kind, bytes, questionEnd } = answer;
    if (kind === 'failure') return answer;
    const name = nameOf(bytes, questionEnd);
    if (this.#leadsToBlocked(answer, name)) {
      this.#count('alias');
      const qtype = readU16(bytes, questionEnd - QUESTION_FIXED_BYTES);
      return this.#createBlockAnswers(replacedTtl(answer)).answer({ wire: bytes, scan: answer }, qtype);
    }
    if (!this.#mustNotBePrivate(octetString(name)) || !hasPrivateRecord(answer)) return answer;
    this.#count('private');
    return withoutPrivateRecords(answer);
  }

  /**
   * Whether a cached answer is one that this policy would give. For the cache, after a reload. Answers that a review
   * has changed are not kept, because what they came from is unknown.
   */
  keeps(answer: PreparedAnswer): boolean {
    const { bytes, start, questionEnd, extendedError } = answer;
    if (extendedError?.code === EDE.blocked) return false;
    const wire = bytes.slice(start, start + questionEnd);
    const name = nameOf(wire, questionEnd);
    const qtype = readU16(wire, questionEnd - QUESTION_FIXED_BYTES);
    if (this.#decide({ wire, scan: { questionEnd } }, name, qtype) !== undefined) return false;
    if (answer.kind === 'failure') return true;
    if (this.#leadsToBlocked(answer, name)) return false;
    return !(this.#mustNotBePrivate(octetString(name)) && hasPrivateRecord(answer));
  }

  /** @param server the address that was asked, if known */
  #decide(question: LocalQuestion, name: Uint8Array, qtype: number, server?: string): Answer | Alias | undefined {
    const { covers, deniesUndelegated, designates, ownNames } = this.#init;
    const qname = octetString(name);
    const own = ownNames?.answer(question, qname, qtype);
    if (own !== undefined) return own;
    if (this.#judge(name) === 'blocked') return this.#blockAnswers.answer(question, qtype);
    const isRouted = covers?.(qname) === true;
    if (isDiscovery(qname, qtype) && !isRouted) {
      return discoveryAnswer(question, server === undefined ? undefined : designates?.(server));
    }
    const special = isRouted ? undefined : specialUseAnswer(question, qname, qtype, deniesUndelegated);
    if (special === undefined) return minimalAnyAnswer(question, qtype);
    // RFC 8020 §2: the name exists if an own name is below it.
    return special.rcode === RCODE.NXDOMAIN ? (ownNames?.answerAbove(question, qname) ?? special) : special;
  }

  #judge(name: Uint8Array): Verdict {
    return this.#init.lists?.judge(name, 0);
  }

  #createBlockAnswers(ttlSeconds: number): BlockAnswers {
    return new BlockAnswers(this.#init.blockAnswer ?? 'nxdomain', ttlSeconds);
  }

  /** Names that an allow list exempts may lead anywhere. */
  #leadsToBlocked(answer: PreparedAnswer, name: Uint8Array): boolean {
    const { lists } = this.#init;
    if (lists === undefined || lists.counts.block === 0) return false;
    return leadsTo(answer, (target) => this.#judge(target) === 'blocked') && this.#judge(name) !== 'allowed';
  }

  #mustNotBePrivate(qname: string): boolean {
    const { covers, keepsPrivateFor, removesPrivate } = this.#init;
    if (!removesPrivate || covers?.(qname) === true) return false;
    if (keepsPrivateFor === undefined || keepsPrivateFor.size === 0) return true;
    return ![...withAncestors(qname)].some((ancestor) => keepsPrivateFor.has(ancestor));
  }

  #count(reason: BlockReason): void {
    this.#init.metrics?.blocked(reason);
  }
}

/** QNAME in wire form and in lower case. */
function nameOf(wire: Uint8Array, questionEnd: number): Uint8Array {
  return wire.subarray(HEADER_BYTES, questionEnd - QUESTION_FIXED_BYTES).map(lowerCase);
}
