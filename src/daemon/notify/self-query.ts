import type { Clock } from '../../lib/clock.ts';
import { writeU16 } from '../../message/wire/bytes.ts';
import { encodeQuestion } from '../../message/wire/codec.ts';
import { UDP_PAYLOAD_BYTES } from '../../message/wire/edns.ts';
import { FLAG, flagsOf, HEADER, HEADER_BYTES } from '../../message/wire/header.ts';
import { createQueryScanner } from '../../message/wire/scan-query.ts';
import type { Handler } from '../../model/query.ts';

/**
 * Returns a function that asks the handler for the address of `localhost`, as a client over UDP does. The answer is
 * local (RFC 6761 §6.3), so it does not depend on Tor. Resolves to whether any response came: what it says depends on
 * the configuration, because lists of blocked names often have `localhost`.
 */
export function createSelfQuery(handler: Handler, clock: Clock): () => Promise<boolean> {
  const question = encodeQuestion('localhost', 'A');
  const wire = new Uint8Array(HEADER_BYTES + question.length);
  writeU16(wire, HEADER.flags, FLAG.RD);
  writeU16(wire, HEADER.qdcount, 1);
  wire.set(question, HEADER_BYTES);
  const scanner = createQueryScanner();
  const space = new Uint8Array(UDP_PAYLOAD_BYTES);
  return async () => {
    const scan = scanner(wire);
    const client = { client: '127.0.0.1', clientPort: 0, tcpIdleMs: undefined };
    const query = { wire, scan, transport: 'udp', family: 4, ...client, arrivedAt: clock.now() } as const;
    const replied = await handler(query, space);
    const reply = typeof replied === 'number' ? space.subarray(0, replied) : replied;
    return reply.length > HEADER_BYTES && (flagsOf(reply) & FLAG.QR) !== 0;
  };
}
