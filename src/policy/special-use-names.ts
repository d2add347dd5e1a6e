import type { Answer } from '../message/answer.ts';
import { encodeName } from '../message/codec.ts';
import { HEADER_BYTES } from '../message/header.ts';
import { lowerCase, octetString, withAncestors } from '../message/name.ts';
import { RCODE, TYPE } from '../message/tables.ts';
import type { Query } from '../resolver/query.ts';
import { buildLocalAnswer, type LocalRecords, localRecord, NO_RECORDS, recordAtQname } from './local-answer.ts';
import { LOOPBACK_POINTERS, SPECIAL_USE_ZONES, type ZoneKind } from './special-use-zones.ts';

/** RFC 6303 §3: "SOA 10800", and a MINIMUM of as much. */
const TTL_SECONDS = 10_800;

interface Zone {
  readonly name: string;
  readonly kind: ZoneKind;
  /** For negative answers, so that whoever asked can keep them (RFC 2308 §3). */
  readonly soa: LocalRecords;
}

/** Names in wire form as strings of octets (latin1), since that is how they come. */
const ZONES: ReadonlyMap<string, Zone> = new Map(
  (Object.entries(SPECIAL_USE_ZONES) as [ZoneKind, readonly string[]][]).flatMap(([kind, names]) =>
    names.map((name) => [octetString(encodeName(name)), { name, kind, soa: soaOf(name) }] as const),
  ),
);

const POINTERS: ReadonlySet<string> = new Set(LOOPBACK_POINTERS.map((name) => octetString(encodeName(name))));

/** RFC 8020 §2: where a name exists, so do all above it, and none of them may be denied. */
const EXISTING: ReadonlySet<string> = new Set([...POINTERS].flatMap((name) => [...withAncestors(name)]));

const LOOPBACK_A = recordAtQname({ type: 'A', name: '.', ttl: TTL_SECONDS, data: '127.0.0.1' });
const LOOPBACK_AAAA = recordAtQname({ type: 'AAAA', name: '.', ttl: TTL_SECONDS, data: '::1' });
const LOOPBACK_PTR = recordAtQname({ type: 'PTR', name: '.', ttl: TTL_SECONDS, data: 'localhost' });

/** The answer to a query for a name that must not leave this machine; undefined for any other. */
export function specialUseAnswer(query: Query): Answer | undefined {
  const { qtype, questionEnd } = query.scan;
  const qname = octetString(query.wire.subarray(HEADER_BYTES, questionEnd - 4).map(lowerCase));
  const found = enclosingZone(qname);
  if (found === undefined) return undefined;
  const { zone, isApex } = found;
  // RFC 8375 §4: the delegation of home.arpa is signed as insecure, and validators must be able to see it.
  if (zone.name === 'home.arpa' && isApex && qtype === TYPE.DS) return undefined;

  if (qtype === TYPE.PTR && POINTERS.has(qname)) return buildLocalAnswer(query, RCODE.NOERROR, LOOPBACK_PTR);
  switch (zone.kind) {
    case 'loopback':
      if (qtype === TYPE.A) return buildLocalAnswer(query, RCODE.NOERROR, LOOPBACK_A);
      if (qtype === TYPE.AAAA) return buildLocalAnswer(query, RCODE.NOERROR, LOOPBACK_AAAA);
      return buildLocalAnswer(query, RCODE.NOERROR, NO_RECORDS, zone.soa);
    case 'nodata':
      return buildLocalAnswer(query, RCODE.NOERROR, NO_RECORDS, zone.soa);
    case 'empty': {
      const exists = isApex || EXISTING.has(qname);
      if (isApex && qtype === TYPE.SOA) return buildLocalAnswer(query, RCODE.NOERROR, zone.soa);
      return buildLocalAnswer(query, exists ? RCODE.NOERROR : RCODE.NXDOMAIN, NO_RECORDS, zone.soa);
    }
    case 'nxdomain':
      return buildLocalAnswer(query, RCODE.NXDOMAIN, NO_RECORDS, zone.soa);
  }
}

function enclosingZone(qname: string): { readonly zone: Zone; readonly isApex: boolean } | undefined {
  for (const name of withAncestors(qname)) {
    const zone = ZONES.get(name);
    if (zone !== undefined) return { zone, isApex: name.length === qname.length };
  }
  return undefined;
}

/** RFC 6303 §3. */
function soaOf(name: string): LocalRecords {
  return localRecord({
    type: 'SOA',
    name,
    ttl: TTL_SECONDS,
    data: {
      mname: name,
      rname: 'nobody.invalid',
      serial: 1,
      refresh: 3600,
      retry: 1200,
      expire: 604_800,
      minimum: TTL_SECONDS,
    },
  });
}
