import assert from 'node:assert/strict';
import type { Transport } from './raw-client.ts';
import { FLAG } from './reply.ts';
import { readStrictly, type StrictMessage } from './strict-message.ts';

const OPCODE_MASK = 0x7800;
const FORMERR = 1;
const NOTIMP = 4;

/** RFC 1035 §4.1.1: without a header nobody can be answered, and a response is no query. */
export function mustBeDropped(message: Uint8Array): boolean {
  return message.length < 12 || ((message[2] as number) & 0x80) !== 0;
}

/** What the client that sent these octets meant; undefined for what nobody can read. */
export function readQuery(query: Uint8Array): StrictMessage | undefined {
  try {
    return readStrictly(query, { lenient: true });
  } catch {
    return undefined;
  }
}

/**
 * RFC 6891 §6.2.3: below 512 means 512, as does no OPT record. Nobody is sent more than the 1232 of the flag day of
 * 2020 (RFC 9715).
 */
function udpLimit(query: StrictMessage | undefined): number {
  return Math.min(1232, Math.max(512, query?.opt?.udpPayloadBytes ?? 512));
}

/** Holds a reply to what every reply owes its client, whatever it asked. Returns the reply as it was read. */
export function checkReply(query: Uint8Array, bytes: Buffer, transport: Transport): StrictMessage {
  const asked = readQuery(query);
  const reply = readStrictly(bytes);
  const askedFlags = Buffer.from(query).readUInt16BE(2);
  assert.equal(reply.id, Buffer.from(query).readUInt16BE(0), 'the ID');
  if ((askedFlags & OPCODE_MASK) !== 0) {
    // RFC 8906 §3.1.4: a header alone, with nothing but what every reply has.
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

/** NSEC, which no local answer has. */
export const UPSTREAM_PROOF = 47;

/** Whether a reply came from an upstream that puts such a record into every answer, or lost it only to truncation. */
export function hasUpstreamProof(reply: StrictMessage): boolean {
  return (reply.flags & FLAG.TC) !== 0 || reply.authorities.some(({ type }) => type === UPSTREAM_PROOF);
}
