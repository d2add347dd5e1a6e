import { exchange, type ExchangeOptions, type Transport } from '../client/exchange.ts';
import { buildClientQuery } from '../client/query.ts';
import { FAILURES } from '../lib/failures.ts';
import type { Random } from '../lib/random.ts';
import { encodeQuestion } from '../message/codec.ts';
import { FLAG } from '../message/header.ts';
import { viewMessage } from '../message/message-view.ts';
import type { Target } from '../system/target.ts';

export interface Question {
  readonly name: string;
  readonly type: 'A' | 'NS';
  /** Without it dns4tor answers by itself, whatever is asked. */
  readonly recursionDesired: boolean;
}

export interface Reply {
  /** Its name, as in NXDOMAIN. */
  readonly rcode: string;
  /** Why, in the resolver's words (RFC 8914), if it says so. */
  readonly error: { readonly code: number; readonly text: string } | undefined;
}

export interface AskOptions extends ExchangeOptions {
  readonly random: Random;
}

/**
 * Asks a server of this machine, and no other: what is sent to an address that the machine does not have would leave it in the clear.
 *
 * @throws Dns4torError ERR_LISTEN_ADDRESS the address is not this machine's
 * @throws Error there was no reply
 */
export async function ask(
  target: Target,
  question: Question,
  transport: Transport,
  options: AskOptions,
): Promise<Reply> {
  const { name, type, recursionDesired } = question;
  const flags = recursionDesired ? FLAG.RD : 0;
  const query = buildClientQuery(options.random, { question: encodeQuestion(name, type), flags });
  return readReply(await exchange(target, query, transport, options));
}

/** What only dns4tor answers in this way, of which nothing goes upstream. Another server may take it for a question; it is not about anybody. */
export const WHO_ARE_YOU: Question = { name: '.', type: 'A', recursionDesired: false };

/** Whether the reply to {@link WHO_ARE_YOU} is dns4tor's, of this version or one that says it in the same words. */
export function isDns4tor({ rcode, error }: Reply): boolean {
  return rcode === 'REFUSED' && error?.text === FAILURES.ERR_QUERY_NOT_RECURSIVE.sentence;
}

function readReply(message: Uint8Array): Reply {
  const view = viewMessage(message);
  if (view === undefined) throw new Error('the reply is not well-formed');
  return { rcode: view.status, error: view.edns?.errors[0] };
}
