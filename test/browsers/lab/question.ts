import { decodeReply } from '../../fixtures/dns/messages.ts';
import { questionOf } from '../../protocol/upstream-messages.ts';

export interface Question {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'HTTPS' | 'other';
}

/** The types that browsers ask for. */
const TYPES: ReadonlyMap<number, Question['type']> = new Map([
  [1, 'A'],
  [28, 'AAAA'],
  [65, 'HTTPS'],
]);
const TYPE_AND_CLASS_BYTES = 4;

/** The question of a query or reply. */
export function questionIn(message: Uint8Array): Question {
  const type = Buffer.from(questionOf(message)).readUInt16BE(questionOf(message).length - TYPE_AND_CLASS_BYTES);
  return { name: decodeReply(message).questions?.[0]?.name ?? '', type: TYPES.get(type) ?? 'other' };
}
