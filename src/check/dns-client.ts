import { buildClientQuery } from '../client/client-query.ts';
import { type ExchangeOptions, exchange, type Server } from '../client/exchange.ts';
import type { Random } from '../lib/random.ts';
import type { Source } from '../message/answer/provenance.ts';
import { viewMessage } from '../message/text/message-view.ts';
import { encodeQuestion } from '../message/wire/codec.ts';
import { EDNS_OPTION } from '../message/wire/edns.ts';
import { FLAG } from '../message/wire/header.ts';
import type { PlainTransport } from '../model/query.ts';

/** A question to a server. */
export interface Question {
  readonly name: string;
  readonly type: 'A' | 'NS';
  /** Asks dns4tor for the provenance of its answer (EDNS option 65313). @default false */
  readonly provenance?: boolean;
}

/** What a server replied. */
export interface Reply {
  /** Mnemonic of the RCODE, such as NXDOMAIN. */
  readonly rcode: string;
  /** The first extended error (RFC 8914). */
  readonly error: { readonly code: number; readonly text: string } | undefined;
  /** Where the answer came from. Only dns4tor reports this. */
  readonly source: Source | undefined;
}

/** Time limit, retries and source of random IDs. */
export interface AskOptions extends ExchangeOptions {
  readonly random: Random;
}

/**
 * Sends a question to a server on this machine. Refuses all other addresses: see {@link exchange}.
 *
 * @throws Dns4torError ERR_LISTEN_ADDRESS the address does not belong to this machine
 * @throws Error there was no reply, or it is malformed
 */
export async function ask(
  server: Server,
  question: Question,
  transport: PlainTransport,
  options: AskOptions,
): Promise<Reply> {
  return readReply(await exchange(server, encodeQuery(options.random, question), transport, options));
}

/** Encodes a question as a query with a random ID. */
export function encodeQuery(random: Random, { name, type, provenance = false }: Question): Uint8Array {
  const edns = provenance ? { options: [{ code: EDNS_OPTION.provenance, data: new Uint8Array(0) }] } : {};
  return buildClientQuery(random, { question: encodeQuestion(name, type), flags: FLAG.RD, ...edns });
}

/**
 * Identifies dns4tor, by the provenance in its reply. dns4tor answers this query locally in any state of Tor, and
 * counts no failure. Another server may forward the query, which reveals nothing about the user (RFC 6761 §6.3).
 */
export const IDENTITY_QUESTION: Question = { name: 'localhost', type: 'A', provenance: true };

/** Whether dns4tor sent this reply to {@link IDENTITY_QUESTION}. */
export function isDns4tor({ source }: Reply): boolean {
  return source === 'local';
}

/** Reads a server's reply. @throws Error it is malformed */
export function readReply(message: Uint8Array): Reply {
  const view = viewMessage(message);
  if (view === undefined) throw new Error('malformed reply');
  return { rcode: view.status, error: view.edns?.errors[0], source: view.edns?.provenance?.source };
}
