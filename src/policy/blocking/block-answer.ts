import { EDE } from '../../failures/failures.ts';
import type { Answer } from '../../message/answer/answer.ts';
import type { ExtendedError } from '../../message/wire/edns.ts';
import { RCODE, TYPE } from '../../message/wire/tables.ts';
import {
  buildLocalAnswer,
  type LocalQuestion,
  type LocalRecords,
  NO_RECORDS,
  recordAtQname,
  soaAtQname,
} from '../local-answer.ts';

/** How blocked names are answered: the name does not exist, or it has the unspecified address. */
export type BlockAnswer = 'nxdomain' | 'zero';

/** RFC 8914 §4.16 (Blocked): the policy of this resolver's operator. */
export const LIST_ERROR: ExtendedError = {
  code: EDE.blocked,
  text: 'a list of this resolver blocks the name (--blocklist)',
};

/** Answers for blocked names, all with one TTL. Encodes the records once. */
export class BlockAnswers {
  readonly #how: BlockAnswer;
  readonly #soa: LocalRecords;
  readonly #zeros: ReadonlyMap<number, LocalRecords>;

  constructor(how: BlockAnswer, ttlSeconds: number) {
    this.#how = how;
    this.#soa = soaAtQname(ttlSeconds);
    this.#zeros = new Map([
      [TYPE.A, recordAtQname({ type: 'A', name: '.', ttl: ttlSeconds, data: '0.0.0.0' })],
      [TYPE.AAAA, recordAtQname({ type: 'AAAA', name: '.', ttl: ttlSeconds, data: '::' })],
    ]);
  }

  /** The answer to a question of this type. */
  answer(question: LocalQuestion, qtype: number): Answer {
    return { ...this.#build(question, qtype), extendedError: LIST_ERROR };
  }

  #build(question: LocalQuestion, qtype: number): Answer {
    if (this.#how === 'nxdomain') return buildLocalAnswer(question, RCODE.NXDOMAIN, NO_RECORDS, this.#soa);
    const zero = this.#zeros.get(qtype);
    return zero === undefined
      ? buildLocalAnswer(question, RCODE.NOERROR, NO_RECORDS, this.#soa)
      : buildLocalAnswer(question, RCODE.NOERROR, zero);
  }
}
