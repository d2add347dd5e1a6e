import { EDE } from '../failures/failures.ts';
import type { Answer } from '../message/answer/answer.ts';
import { encodeName } from '../message/wire/codec.ts';
import type { ExtendedError } from '../message/wire/edns.ts';
import { octetString, withAncestors } from '../message/wire/name.ts';
import { RCODE, TYPE } from '../message/wire/tables.ts';
import {
  buildLocalAnswer,
  type LocalQuestion,
  type LocalRecords,
  localRecord,
  NO_RECORDS,
  ownSoa,
  recordAtQname,
  soaAtQname,
} from './local-answer.ts';
import { LOOPBACK_POINTERS, SPECIAL_USE_ZONES, type ZoneKind } from './special-use-zones.ts';

/** TTL and MINIMUM of the SOA record, 10800 (RFC 6303 §3). Also the TTL of loopback records. */
const TTL_SECONDS = 10_800;

/** Types for which the parent zone is authoritative (RFC 4035 §3.1.4.1). */
const PARENT_TYPES: ReadonlySet<number> = new Set([TYPE.DS]);

/** Types that validators query for the delegation of a top-level domain. Such a query reveals only the suffix. */
const DELEGATION_TYPES: ReadonlySet<number> = new Set([TYPE.NS, TYPE.SOA, TYPE.DS, TYPE.DNSKEY]);

const NO_TYPES: ReadonlySet<number> = new Set();

/**
 * RFC 8914 §4.16 (Blocked): our own policy denies these names. Answers that a standard requires have no extended error.
 */
const ERRORS: { readonly [Kind in ZoneKind]?: ExtendedError } = {
  undelegated: blocked('names with this suffix are local to a network and are answered locally'),
  canary: blocked('answered locally so that browsers keep using the system resolver'),
};
const DOTLESS: ExtendedError = blocked('single-label names are local to a network and are answered locally');

function blocked(text: string): ExtendedError {
  return { code: EDE.blocked, text };
}

interface Zone {
  readonly kind: ZoneKind;
  /** Types that are forwarded upstream at the zone apex. */
  readonly forwarded: ReadonlySet<number>;
  /** The authority section of negative answers, so that clients can cache them (RFC 2308 §3). */
  readonly soa: LocalRecords;
}

/** By name in wire form, one character per octet. */
const ZONES: ReadonlyMap<string, Zone> = new Map(
  (Object.entries(SPECIAL_USE_ZONES) as [ZoneKind, readonly string[]][]).flatMap(([kind, names]) =>
    names.map((name) => [octetString(encodeName(name)), zoneOf(name, kind)] as const),
  ),
);

function zoneOf(name: string, kind: ZoneKind): Zone {
  const soa = localRecord(ownSoa(name, TTL_SECONDS));
  if (kind === 'undelegated') return { kind, forwarded: DELEGATION_TYPES, soa };
  // RFC 6303 §7, RFC 8375 §4: the parent is public and signed. A validator accepts our local answers only after the
  // parent has proved that the zone is unsigned, so DS queries are forwarded. The other zones are children of the root;
  // RFC 6761 §6, RFC 6762 §22.1 and RFC 7686 §2 forbid all queries for them.
  const forwarded = name.includes('.') ? PARENT_TYPES : NO_TYPES;
  return { kind, forwarded, soa };
}

/** An SOA record at QNAME, for single-label names. */
const SOA_AT_QNAME = soaAtQname(TTL_SECONDS);

const POINTERS: ReadonlySet<string> = new Set(LOOPBACK_POINTERS.map((name) => octetString(encodeName(name))));

/** The loopback pointers and their ancestors. RFC 8020 §2: if a name exists, its ancestors exist too. */
const EXISTING: ReadonlySet<string> = new Set([...POINTERS].flatMap((name) => [...withAncestors(name)]));

const LOOPBACK_A = recordAtQname({ type: 'A', name: '.', ttl: TTL_SECONDS, data: '127.0.0.1' });
const LOOPBACK_AAAA = recordAtQname({ type: 'AAAA', name: '.', ttl: TTL_SECONDS, data: '::1' });
const LOOPBACK_PTR = recordAtQname({ type: 'PTR', name: '.', ttl: TTL_SECONDS, data: 'localhost' });

/**
 * The local answer for a name that must not leave this machine. Undefined for names that may go upstream.
 * @param qname the name in wire form and in lower case, as `octetString` returns it
 * @param deniesUndelegated whether single-label names and undelegated top-level domains are denied
 */
export function specialUseAnswer(
  query: LocalQuestion,
  qname: string,
  qtype: number,
  deniesUndelegated: boolean,
): Answer | undefined {
  const found = enclosingZone(qname);
  if (found === undefined) {
    const isDenied = deniesUndelegated && isDotless(qname) && !DELEGATION_TYPES.has(qtype);
    return isDenied ? denied(query, SOA_AT_QNAME, DOTLESS) : undefined;
  }
  const { zone, isApex } = found;
  if (zone.kind === 'undelegated' && !deniesUndelegated) return undefined;
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

function denied(query: LocalQuestion, soa: LocalRecords, extendedError: ExtendedError | undefined): Answer {
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
