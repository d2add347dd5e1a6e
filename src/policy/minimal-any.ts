import type { Answer } from '../message/answer/answer.ts';
import { RCODE, TYPE } from '../message/wire/tables.ts';
import { buildLocalAnswer, type LocalQuestion, recordAtQname } from './local-answer.ts';

/** RFC 8482 §4.2: a synthesised HINFO record whose CPU field is "RFC8482". */
const HINFO = recordAtQname({ type: 'HINFO', name: '.', ttl: 3600, data: { cpu: 'RFC8482', os: '' } });

/** The minimal answer to QTYPE ANY (RFC 8482): local and small. Undefined for other types. */
export function minimalAnyAnswer(query: LocalQuestion, qtype: number): Answer | undefined {
  return qtype === TYPE.ANY ? buildLocalAnswer(query, RCODE.NOERROR, HINFO) : undefined;
}
