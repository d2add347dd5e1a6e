import { MAX_ALIASES } from './alias-chain.ts';
import { readU16 } from '../wire/bytes.ts';
import { HEADER_BYTES } from '../wire/header.ts';
import { isAtOrAbove, MAX_NAME_BYTES, octetString, readName, withAncestors } from '../wire/name.ts';
import { type ResourceRecord, TYPE_TO_TTL_BYTES, typeCovered } from '../wire/record.ts';
import { TYPE } from '../wire/tables.ts';

/** TTL and RDLENGTH: from the start of the TTL field to the RDATA. */
const TTL_TO_DATA_BYTES = 6;

/**
 * Offset in RDATA of the name whose addresses may be in the additional section (RFC 1035 §3.3.9, §3.3.11; RFC 2782; RFC
 * 9460 §4.2).
 */
const TARGET_OFFSETS: ReadonlyMap<number, number> = new Map([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
  [TYPE.SVCB, 2],
  [TYPE.HTTPS, 2],
]);

/** The root name. As the target of an SVCB or HTTPS record it stands for the owner (RFC 9460 §2.5.2). */
const ROOT = '\0';

/** Types that such a name may have in the additional section. A client can query for any others. */
const ADDITIONAL_TYPES: ReadonlySet<number> = new Set([TYPE.A, TYPE.AAAA, TYPE.SRV, TYPE.SVCB, TYPE.HTTPS]);

/** A record that was kept, identified by the offset of its TTL. */
interface Kept {
  readonly ttlOffset: number;
}

/**
 * Decides which records of the authority and additional sections belong to an answer: those that its question or its
 * records lead to. Nothing shows that the responder may speak for others (RFC 5452 §6, RFC 2181 §5.4.1). Builds its
 * sets of names on first use, since most answers have no such records.
 */
export class RelevanceFilter {
  readonly #wire: Uint8Array;
  readonly #questionEnd: number;
  readonly #answers: readonly Kept[];
  #nameBuffer: Uint8Array | undefined;
  #enclosing: ReadonlySet<string> | undefined;
  #targets: Set<string> | undefined;

  /** @param answers the records of the answer section; the caller may append those kept of the authority section */
  constructor(wire: Uint8Array, questionEnd: number, answers: readonly Kept[]) {
    this.#wire = wire;
    this.#questionEnd = questionEnd;
    this.#answers = answers;
  }

  /**
   * Whether a record of the authority section belongs. Called for each record in order, up to the first that does not.
   */
  authority(record: ResourceRecord): boolean {
    if (!this.#hasClass(record)) return false;
    switch (this.#subject(record)) {
      // RFC 1034 §4.3.2, RFC 2308 §5, RFC 4035 §3.1.4: of a zone that encloses the name.
      case TYPE.NS:
      case TYPE.SOA:
      case TYPE.DS:
        return this.#encloses(record.owner);
      // RFC 5155 §3: the name of the zone follows the label with the hash.
      case TYPE.NSEC3:
        return record.owner.length > 1 && this.#encloses(record.owner.subarray(1 + (record.owner[0] ?? 0)));
      // RFC 4035 §3.1.3: at any name of the zone.
      case TYPE.NSEC:
        return true;
      // RFC 2308 §2, RFC 4035 §3.1: other types have no use here.
      default:
        return false;
    }
  }

  /**
   * Whether a record of the additional section belongs. Called like {@link authority}. OPT, TSIG (RFC 8945) and SIG(0)
   * (RFC 2931) never belong.
   */
  additional(record: ResourceRecord): boolean {
    const type = this.#subject(record);
    if (!this.#hasClass(record) || !ADDITIONAL_TYPES.has(type)) return false;
    this.#targets ??= this.#namedTargets();
    if (!this.#targets.has(octetString(record.owner))) return false;
    // RFC 9460 §4.2: an alias of a service leads to another service, and that one to its addresses.
    if (type === record.type) this.#addTarget(this.#targets, record.ttlOffset);
    return true;
  }

  /** The type of a record or, for an RRSIG record, the type that it covers. */
  #subject(record: ResourceRecord): number {
    return record.type === TYPE.RRSIG ? typeCovered(this.#wire, record) : record.type;
  }

  #hasClass(record: ResourceRecord): boolean {
    return record.class === readU16(this.#wire, this.#questionEnd - 2);
  }

  /** Whether a zone of this name could hold QNAME or a name on its alias chain. */
  #encloses(zone: Uint8Array): boolean {
    if (isAtOrAbove(zone, this.#wire, HEADER_BYTES)) return true;
    this.#enclosing ??= new Set(this.#chain().flatMap((name) => [...withAncestors(name)]));
    return this.#enclosing.has(octetString(zone));
  }

  /** QNAME and its alias chain. The aliases must be known to follow from each other. */
  #chain(): readonly string[] {
    const offsets = [HEADER_BYTES];
    for (const { ttlOffset } of this.#answers) {
      if (offsets.length > MAX_ALIASES) break;
      if (this.#typeAt(ttlOffset) === TYPE.CNAME) offsets.push(ttlOffset + TTL_TO_DATA_BYTES);
    }
    return offsets.map((offset) => this.#nameAt(offset)).filter((name) => name !== undefined);
  }

  #namedTargets(): Set<string> {
    const targets = new Set<string>();
    for (const { ttlOffset } of this.#answers) this.#addTarget(targets, ttlOffset);
    // The root target stands for the owner of the service record, which is the end of the alias chain.
    if (targets.has(ROOT)) for (const name of this.#chain()) targets.add(name);
    return targets;
  }

  #addTarget(targets: Set<string>, ttlOffset: number): void {
    const offset = TARGET_OFFSETS.get(this.#typeAt(ttlOffset));
    if (offset === undefined) return;
    const target = this.#nameAt(ttlOffset + TTL_TO_DATA_BYTES + offset);
    if (target !== undefined) targets.add(target);
  }

  #typeAt(ttlOffset: number): number {
    return readU16(this.#wire, ttlOffset - TYPE_TO_TTL_BYTES);
  }

  #nameAt(offset: number): string | undefined {
    const buffer = (this.#nameBuffer ??= new Uint8Array(MAX_NAME_BYTES));
    const name = readName(this.#wire, offset, buffer);
    return name === undefined ? undefined : octetString(buffer.subarray(0, name.length));
  }
}
