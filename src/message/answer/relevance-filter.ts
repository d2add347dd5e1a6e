import { readU16 } from '../wire/bytes.ts';
import { HEADER_BYTES } from '../wire/header.ts';
import { isAtOrAbove, MAX_NAME_BYTES, octetString, readName, withAncestors } from '../wire/name.ts';
import { type ResourceRecord, subjectType, TYPE_TO_TTL_BYTES } from '../wire/record.ts';
import { TYPE } from '../wire/tables.ts';
import { MAX_ALIASES } from './alias-chain.ts';

/** TTL and RDLENGTH: the distance from the TTL field to the RDATA. */
const TTL_TO_DATA_BYTES = 6;

/**
 * Offset in RDATA of the name for which the additional section may have addresses (RFC 1035 §3.3.9, §3.3.11; RFC 2782;
 * RFC 9460 §4.2).
 */
const TARGET_OFFSETS: ReadonlyMap<number, number> = new Map([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
  [TYPE.SVCB, 2],
  [TYPE.HTTPS, 2],
]);

/** The root name. As the target of an SVCB or HTTPS record it means the owner (RFC 9460 §2.5.2). */
const ROOT = '\0';

/** Types allowed for such a name in the additional section. A client can query for others. */
const ADDITIONAL_TYPES: ReadonlySet<number> = new Set([TYPE.A, TYPE.AAAA, TYPE.SRV, TYPE.SVCB, TYPE.HTTPS]);

/** A record that stays in the answer, identified by the offset of its TTL. */
interface Kept {
  readonly ttlOffset: number;
}

/**
 * Decides which records of the authority and additional sections are relevant: those that the question or the answer
 * records lead to. Others could poison the cache: nothing shows that the responder is authoritative for them (RFC 5452
 * §6, RFC 2181 §5.4.1). Sets of names are built on first use, because most answers need none.
 */
export class RelevanceFilter {
  readonly #wire: Uint8Array;
  readonly #questionEnd: number;
  readonly #answers: readonly Kept[];
  #nameBuffer: Uint8Array | undefined;
  #enclosing: ReadonlySet<string> | undefined;
  #targets: Set<string> | undefined;

  /** @param answers the records of the answer section. The caller appends the authority records that stay. */
  constructor(wire: Uint8Array, questionEnd: number, answers: readonly Kept[]) {
    this.#wire = wire;
    this.#questionEnd = questionEnd;
    this.#answers = answers;
  }

  /**
   * Whether a record of the authority section is relevant. Call it for each record in order, up to the first that is
   * not.
   */
  allowsAuthority(record: ResourceRecord): boolean {
    if (!this.#hasClass(record)) return false;
    switch (subjectType(this.#wire, record)) {
      // RFC 1034 §4.3.2, RFC 2308 §5, RFC 4035 §3.1.4: the owner is a zone that contains the name.
      case TYPE.NS:
      case TYPE.SOA:
      case TYPE.DS:
        return this.#encloses(record.owner);
      // RFC 5155 §3: the zone name follows the label with the hash.
      case TYPE.NSEC3:
        return record.owner.length > 1 && this.#encloses(record.owner.subarray(1 + (record.owner[0] ?? 0)));
      // RFC 4035 §3.1.3: the owner can be any name of the zone.
      case TYPE.NSEC:
        return true;
      // RFC 2308 §2, RFC 4035 §3.1: other types have no purpose here.
      default:
        return false;
    }
  }

  /**
   * Like {@link allowsAuthority}, for the additional section. OPT, TSIG (RFC 8945) and SIG(0) (RFC 2931) are never
   * relevant: they concern one hop or transaction.
   */
  allowsAdditional(record: ResourceRecord): boolean {
    const type = subjectType(this.#wire, record);
    if (!this.#hasClass(record) || !ADDITIONAL_TYPES.has(type)) return false;
    this.#targets ??= this.#namedTargets();
    if (!this.#targets.has(octetString(record.owner))) return false;
    // RFC 9460 §4.2: a service alias leads to another service, which leads to its addresses.
    if (type === record.type) this.#addTarget(this.#targets, record.ttlOffset);
    return true;
  }

  #hasClass(record: ResourceRecord): boolean {
    return record.class === readU16(this.#wire, this.#questionEnd - 2);
  }

  /** Whether a zone of this name could contain QNAME or a name on its alias chain. */
  #encloses(zone: Uint8Array): boolean {
    if (isAtOrAbove(zone, this.#wire, HEADER_BYTES)) return true;
    this.#enclosing ??= new Set(this.#chain().flatMap((name) => [...withAncestors(name)]));
    return this.#enclosing.has(octetString(zone));
  }

  /** QNAME and its alias chain. Requires an answer section that `isAnswerOfQuestion` accepts. */
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
    // A root target means the owner of the service record, which is the end of the alias chain.
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
