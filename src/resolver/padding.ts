import { readU16, writeU16 } from '../message/wire/bytes.ts';
import { EDNS_OPTION, OPTION_HEADER_BYTES } from '../message/wire/edns.ts';
import { MAX_MESSAGE_BYTES } from '../message/wire/header.ts';
import type { Query } from '../model/query.ts';

/** RFC 8467 §4.1: the length of a padded reply is a multiple of this, in octets. */
const BLOCK_BYTES = 468;

/** Offset of RDLENGTH in an OPT record, whose owner is the root (RFC 6891 §6.1.2). */
const OPT_DATA_LENGTH = 9;

/**
 * Pads a reply with the Padding option, so that its length says little about its content (RFC 7830), if the query has
 * that option. Returns the length of the reply.
 * @param reply has room for MAX_MESSAGE_BYTES if the query came over an encrypted transport
 * @param optStart offset of the reply's OPT record, which is its last record
 * @param length of the reply so far
 */
export function padReply(query: Query, reply: Uint8Array, optStart: number, length: number): number {
  // RFC 7830 §4: a query with the option gets a padded reply.
  if (!query.scan.padded) return length;
  // RFC 7830 §6: never over a transport without encryption.
  if (query.transport === 'udp' || query.transport === 'tcp') return length;
  const dataStart = length + OPTION_HEADER_BYTES;
  const blocks = Math.ceil(dataStart / BLOCK_BYTES);
  // RFC 8467 §4.1: a whole number of blocks, but never more than fits in a message.
  const padded = Math.min(blocks * BLOCK_BYTES, MAX_MESSAGE_BYTES);
  if (dataStart > padded) return length;
  // RFC 8467 §3: the last option.
  writeU16(reply, length, EDNS_OPTION.padding);
  writeU16(reply, length + 2, padded - dataStart);
  // RFC 7830 §3: the octets are 0. The buffer may hold an earlier reply.
  reply.fill(0, dataStart, padded);
  const dataLength = optStart + OPT_DATA_LENGTH;
  writeU16(reply, dataLength, readU16(reply, dataLength) + padded - length);
  return padded;
}
