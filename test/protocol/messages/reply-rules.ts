import assert from 'node:assert/strict';
import type { Transport } from '../raw-client.ts';
import { FLAG } from '../reply.ts';
import { readStrictly, type StrictMessage } from './strict-message.ts';

const OPCODE_MASK = 0x7800;
const FORMERR = 1;
const NOTIMP = 4;

/** RFC 1035 §4.1.1: a message without a header cannot be answered, and a response is not a query. */
export function mustBeDropped(message: Uint8Array): boolean {
  return message.length < 12 || ((message[2] as number) & 0x80) !== 0;
}

/** The query as its client meant it; undefined if it is unreadable. */
export function readQuery(query: Uint8Array): StrictMessage | undefined {
  try {
    return readStrictly(query, { lenient: true });
  } catch {
    return undefined;
  }
}

/** RFC 6891 §6.2.3: less than 512, or no OPT record, means 512. The maximum is 1232 (DNS flag day 2020, RFC 9715). */
function udpLimit(query: StrictMessage | undefined): number {
  return Math.min(1232, Math.max(512, query?.opt?.udpPayloadBytes ?? 512));
}

/** Asserts the rules for every reply, whatever the query. Returns the parsed reply. */
export function checkReply(query: Uint8Array, bytes: Buffer, transport: Transport): StrictMessage {
  const asked = readQuery(query);
  const reply = readStrictly(bytes);
  const askedFlags = Buffer.from(query).readUInt16BE(2);
  assert.equal(reply.id, Buffer.from(query).readUInt16BE(0), 'the ID');
  if ((askedFlags & OPCODE_MASK) !== 0) {
    // RFC 8906 §3.1.4: only a header.
    assert.equal(reply.flags, FLAG.QR | (askedFlags & OPCODE_MASK) | NOTIMP, 'the header');
    assert.equal(bytes.length, 12, 'a header and no more');
    return reply;
  }
  assert.equal(reply.flags & (FLAG.QR | FLAG.AA | FLAG.RA | FLAG.Z), FLAG.QR | FLAG.RA, 'QR, AA, RA and Z');
  const echoed = OPCODE_MASK | FLAG.RD | FLAG.CD;
  assert.equal(reply.flags & echoed, askedFlags & echoed, 'opcode, RD and CD');
  assert.equal(reply.opt?.unassigned ?? 0, 0, 'EDNS flags that nobody has assigned');
  if (transport === 'udp') assert.ok(bytes.length <= udpLimit(asked), `${bytes.length} octets`);
  else assert.equal(reply.flags & FLAG.TC, 0, 'TC over TCP');
  assert.deepEqual(reply.question, Buffer.from(query.subarray(12, 12 + reply.question.length)), 'the question');
  if (asked === undefined) {
    assert.equal(reply.rcode, FORMERR, 'the RCODE for what cannot be read');
  } else {
    assert.equal(reply.opt !== undefined, asked.opt !== undefined, 'OPT');
    assert.deepEqual(reply.question, asked.question, 'the question');
  }
  return reply;
}

/** NSEC, which local answers never have. */
export const UPSTREAM_PROOF = 47;

/** Whether a reply came from an upstream that adds NSEC to every answer, or lost it by truncation. */
export function hasUpstreamProof(reply: StrictMessage): boolean {
  return (reply.flags & FLAG.TC) !== 0 || reply.authorities.some(({ type }) => type === UPSTREAM_PROOF);
}
