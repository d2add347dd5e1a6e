import { concat, rawName, rawRecord, rawU16 } from '../../../test/fixtures/dns/messages.ts';
import {
  addressOf,
  QNAME,
  questionOf,
  RCODE,
  RESPONSE_FLAGS,
  responseTo,
  startOfAuthority,
} from '../../../test/protocol/upstream-messages.ts';

/** Longer than any benchmark takes. */
const TTL_SECONDS = 3600;

const AAAA = 28;
const HTTPS = 65;
const LABEL_OFFSET = 13;

/** The first character of names that do not exist. */
const DENIED_INITIAL = 'd';

/** RFC 9460: priority 1, the owner itself, ALPN `h2` and `h3`, and one IPv4 hint, as large networks send it. */
const SERVICE: Uint8Array = concat(
  rawU16(1),
  rawName(),
  rawU16(1, 6),
  rawName('h2', 'h3').subarray(0, -1),
  rawU16(4, 4),
  Uint8Array.of(192, 0, 2, 1),
);

/** A resolver's typical answer: two addresses or a service binding, or NXDOMAIN for names that begin with "d". */
export function typicalAnswerTo(query: Uint8Array): Uint8Array {
  const id = ((query[0] ?? 0) << 8) | (query[1] ?? 0);
  if (query[LABEL_OFFSET] === DENIED_INITIAL.charCodeAt(0)) {
    const authorities = [startOfAuthority(rawName('dns4tor-lab', 'net'), TTL_SECONDS, TTL_SECONDS)];
    return responseTo(query, { id, flags: RESPONSE_FLAGS | RCODE.nxdomain, authorities });
  }
  return responseTo(query, { id, answers: recordsOf(typeOf(query)) });
}

function recordsOf(type: number): Uint8Array[] {
  if (type === AAAA) return [1, 2].map((host) => rawRecord(QNAME, AAAA, TTL_SECONDS, addressOfVersion6(host)));
  if (type === HTTPS) return [rawRecord(QNAME, HTTPS, TTL_SECONDS, SERVICE)];
  return [1, 2].map((host) => addressOf(QNAME, TTL_SECONDS, host));
}

function addressOfVersion6(host: number): Uint8Array {
  return rawU16(0x2001, 0xdb8, 0, 0, 0, 0, 0, host);
}

function typeOf(query: Uint8Array): number {
  const question = questionOf(query);
  const [high = 0, low = 0] = question.subarray(-4);
  return (high << 8) | low;
}
