import { EDE } from '../failures/failures.ts';
import type { Answer } from '../message/answer/answer.ts';
import { encodeName, type OwnRecord } from '../message/wire/codec.ts';
import type { ExtendedError } from '../message/wire/edns.ts';
import { HEADER_BYTES, QUESTION_FIXED_BYTES } from '../message/wire/header.ts';
import { lowerCase, octetString, withAncestors } from '../message/wire/name.ts';
import { RCODE, TYPE } from '../message/wire/tables.ts';
import type { Query } from '../model/query.ts';
import { buildLocalAnswer, type LocalRecords, localRecord, NO_RECORDS, recordAtQname } from './local-answer.ts';
import { LOOPBACK_POINTERS, SPECIAL_USE_ZONES, type ZoneKind } from './special-use-zones.ts';

/** RFC 6303 §3: "SOA 10800", and a MINIMUM of as much. */
const TTL_SECONDS = 10_800;

/** RFC 4035 §3.1.4.1: the parent zone is authoritative for DS records. */
const OF_THE_PARENT: ReadonlySet<number> = new Set([TYPE.DS]);

/** Types that validators query at a top-level domain to see its delegation. They reveal the suffix and nothing else. */
const OF_THE_DELEGATION: ReadonlySet<number> = new Set([TYPE.NS, TYPE.SOA, TYPE.DS, TYPE.DNSKEY]);

const NONE: ReadonlySet<number> = new Set();

/*
 * RFC 8914 §4.16 (Blocked): our own list denies the name. An answer that a standard prescribes carries no extended
 * error.
 */
const ERRORS: { readonly [Kind in ZoneKind]?: ExtendedError } = {
  undelegated: blocked('names with this suffix are local to a network and are answered locally'),
  canary: blocked('keeps browsers on the resolver of the system'),
};
const DOTLESS: ExtendedError = blocked('single-label names are local to a network and are answered locally');

function blocked(text: string): ExtendedError {
  return { code: EDE.blocked, text };
}

interface Zone {
  readonly kind: ZoneKind;
  /** Types that are forwarded upstream at the zone apex. */
  readonly forwarded: ReadonlySet<number>;
  /** For the authority section of negative answers, so that clients can cache them (RFC 2308 §3). */
  readonly soa: LocalRecords;
}

/** Keyed by name in wire form, as a string of octets (latin1). */
const ZONES: ReadonlyMap<string, Zone> = new Map(
  (Object.entries(SPECIAL_USE_ZONES) as [ZoneKind, readonly string[]][]).flatMap(([kind, names]) =>
    names.map((name) => [octetString(encodeName(name)), zoneOf(name, kind)] as const),
  ),
);

function zoneOf(name: string, kind: ZoneKind): Zone {
  const soa = localRecord(soaOf(name));
  if (kind === 'undelegated') return { kind, forwarded: OF_THE_DELEGATION, soa };
  // RFC 6303 §7, RFC 8375 §4: the parent is public and signed, so a validator accepts our local answers only after the
  // parent has proved that the zone is unsigned. The other zones are children of the root; RFC 6761 §6, RFC 6762 §22.1
  // and RFC 7686 §2 forbid any query for them.
  const forwarded = name.includes('.') ? OF_THE_PARENT : NONE;
  return { kind, forwarded, soa };
}

/** Owned by QNAME itself, for single-label names. */
const SOA_AT_QNAME = recordAtQname(soaOf('.'));

const POINTERS: ReadonlySet<string> = new Set(LOOPBACK_POINTERS.map((name) => octetString(encodeName(name))));

/** RFC 8020 §2: where a name exists, so do all above it, and none of them may be denied. */
const EXISTING: ReadonlySet<string> = new Set([...POINTERS].flatMap((name) => [...withAncestors(name)]));

const LOOPBACK_A = recordAtQname({ type: 'A', name: '.', ttl: TTL_SECONDS, data: '127.0.0.1' });
const LOOPBACK_AAAA = recordAtQname({ type: 'AAAA', name: '.', ttl: TTL_SECONDS, data: '::1' });
const LOOPBACK_PTR = recordAtQname({ type: 'PTR', name: '.', ttl: TTL_SECONDS, data: 'localhost' });

/** The answer to a query for a name that must not leave this machine; undefined for any other. */
export function specialUseAnswer(query: Query): Answer | undefined {
  const { qtype, questionEnd } = query.scan;
  const qname = octetString(query.wire.subarray(HEADER_BYTES, questionEnd - QUESTION_FIXED_BYTES).map(lowerCase));
  const found = enclosingZone(qname);
  if (found === undefined) {
    return isDotless(qname) && !OF_THE_DELEGATION.has(qtype) ? denied(query, SOA_AT_QNAME, DOTLESS) : undefined;
  }
  const { zone, isApex } = found;
  if (isApex && zone.forwarded.has(qtype)) return undefined;

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
    case 'undelegated':
    case 'canary':
      return denied(query, zone.soa, ERRORS[zone.kind]);
  }
}

function denied(query: Query, soa: LocalRecords, extendedError: ExtendedError | undefined): Answer {
  return { ...buildLocalAnswer(query, RCODE.NXDOMAIN, NO_RECORDS, soa), extendedError };
}

/** Whether the name has exactly one label. The root has none. */
function isDotless(qname: string): boolean {
  const length = qname.charCodeAt(0);
  return length > 0 && qname.length === 1 + length + 1;
}

function enclosingZone(qname: string): { readonly zone: Zone; readonly isApex: boolean } | undefined {
  for (const name of withAncestors(qname)) {
    const zone = ZONES.get(name);
    if (zone !== undefined) return { zone, isApex: name.length === qname.length };
  }
  return undefined;
}

/** RFC 6303 §3. */
function soaOf(name: string): OwnRecord {
  return {
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
  };
}
