import { exchange, type ExchangeOptions } from '../client/exchange.ts';
import type { Transport } from '../model/query.ts';
import { buildClientQuery } from '../client/client-query.ts';
import type { Random } from '../lib/random.ts';
import { encodeQuestion } from '../message/wire/codec.ts';
import { EDNS_OPTION } from '../message/wire/edns.ts';
import { FLAG } from '../message/wire/header.ts';
import { viewMessage } from '../message/text/message-view.ts';
import type { Source } from '../message/answer/provenance.ts';
import type { Target } from '../system/machine.ts';

export interface Question {
  readonly name: string;
  readonly type: 'A' | 'NS';
  /** Asks dns4tor for the provenance of its answer. @default false */
  readonly provenance?: boolean;
}

export interface Reply {
  /** Its name, as in NXDOMAIN. */
  readonly rcode: string;
  /** Why, in the resolver's words (RFC 8914), if it says so. */
  readonly error: { readonly code: number; readonly text: string } | undefined;
  /** Where the answer came from. Only dns4tor reports this. */
  readonly source: Source | undefined;
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
  const { name, type, provenance = false } = question;
  const edns = provenance ? { options: [{ code: EDNS_OPTION.provenance, data: new Uint8Array(0) }] } : {};
  const query = buildClientQuery(options.random, { question: encodeQuestion(name, type), flags: FLAG.RD, ...edns });
  return readReply(await exchange(target, query, transport, options));
}

/**
 * Identifies dns4tor. It answers this query locally whatever state Tor is in, reports so, and counts no failure.
 * Another server may forward the query, which reveals nothing about the user (RFC 6761 §6.3).
 */
export const WHO_ARE_YOU: Question = { name: 'localhost', type: 'A', provenance: true };

/** Whether dns4tor sent this reply to {@link WHO_ARE_YOU}. */
export function isDns4tor({ source }: Reply): boolean {
  return source === 'local';
}

function readReply(message: Uint8Array): Reply {
  const view = viewMessage(message);
  if (view === undefined) throw new Error('the reply is not well-formed');
  return { rcode: view.status, error: view.edns?.errors[0], source: view.edns?.provenance?.source };
}
