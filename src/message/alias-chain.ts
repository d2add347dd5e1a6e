import { readU16 } from './bytes.ts';
import { HEADER, HEADER_BYTES } from './header.ts';
import { MAX_NAME_BYTES, octetString, readName, withAncestors } from './name.ts';
import { createRecordReader, type ResourceRecord, typeCovered } from './record.ts';
import { isData, TYPE } from './tables.ts';

/** Aliases in one answer; what BIND follows at most. unbound stops at 11, but asks on from there, which nobody does here. */
export const MAX_ALIASES = 16;

/** QTYPEs that a name may have beside an alias (RFC 2181 §10.1, RFC 4035 §2.5), and the alias itself. */
const BESIDE_ALIAS: ReadonlySet<number> = new Set([TYPE.CNAME, TYPE.RRSIG, TYPE.NSEC, TYPE.ANY]);

/** What the answer section says of one name. */
interface Facts {
  /** What it is an alias of. */
  alias: string | undefined;
  /** What all names below it are moved to (RFC 6672 §2.2). */
  redirection: string | undefined;
  /** Whether there are signatures of a DNAME record. */
  signedRedirection: boolean;
  /** Whether there are records that belong to names of the chain alone. */
  onChain: boolean;
  /** Whether some of them may not stand beside an alias. */
  answered: boolean;
}

/** The type that a record is about: signatures come along with what they cover (RFC 4035 §3.1.1), unless they are what is asked for. */
function subjectOf(wire: Uint8Array, record: ResourceRecord, qtype: number): number {
  return record.type === TYPE.RRSIG && qtype !== TYPE.RRSIG ? typeCovered(wire, record) : record.type;
}

/**
 * Whether a record of the answer section is none that such a question asks for: of another class (RFC 2181 §5), or of a type that is neither
 * the one in question nor one of those that lead to it (RFC 1034 §4.3.2, RFC 6672 §3.1).
 */
export function isSurplus(wire: Uint8Array, record: ResourceRecord, qtype: number, qclass: number): boolean {
  if (record.class !== qclass) return true;
  const type = subjectOf(wire, record, qtype);
  if (type === qtype || type === TYPE.CNAME || type === TYPE.DNAME) return false;
  return qtype !== TYPE.ANY || !isData(type);
}

/**
 * Whether the answer section follows from the question: every record belongs to QNAME or to a name that QNAME is an alias of, or says how that
 * is one (RFC 1034 §4.3.2); the aliases come to an end and contradict nothing; and what is surplus stands at the end, where it can be left
 * out. Of other names nothing says that whoever answered may speak for them (RFC 5452 §6).
 * Takes time in proportion to the message, whatever is in it.
 * Of a message whose question was checked; false as well for records that are not well-formed.
 */
export function isAnswerOfQuestion(wire: Uint8Array, questionEnd: number): boolean {
  const nameBuffer = new Uint8Array(MAX_NAME_BYTES);
  const nameAt = (offset: number): string | undefined => {
    const name = readName(wire, offset, nameBuffer);
    return name === undefined ? undefined : octetString(nameBuffer.subarray(0, name.length));
  };

  const qtype = readU16(wire, questionEnd - 4);
  const facts = readFacts(wire, questionEnd, qtype, nameAt);
  if (facts === undefined) return false;
  if (facts.size === 0) return true;
  const chain = followAliases(nameAt(HEADER_BYTES) ?? '', facts);
  if (chain === undefined) return false;
  const redirected = namesBelow(chain, facts);
  for (const [owner, { alias, redirection, signedRedirection, onChain, answered }] of facts) {
    if (onChain && !chain.has(owner)) return false;
    // RFC 1034 §3.6.2: where there is an alias, there is no other data.
    if (answered && alias !== undefined) return false;
    const isAsked = qtype === TYPE.DNAME || qtype === TYPE.ANY;
    if (redirection === undefined && !signedRedirection) continue;
    // RFC 6672 §3.1: a DNAME record belongs to a name above the one that it gives an alias for.
    if (!redirected.has(owner) && !(isAsked && chain.has(owner))) return false;
  }
  return [...redirected].every(([owner, names]) => names.every((name) => follows(name, owner, facts)));
}

/** By owner, in the order of the message; undefined for records that are not well-formed, contradict each other, or follow what is surplus. */
function readFacts(
  wire: Uint8Array,
  questionEnd: number,
  qtype: number,
  nameAt: (offset: number) => string | undefined,
): ReadonlyMap<string, Facts> | undefined {
  const readRecord = createRecordReader();
  const qclass = readU16(wire, questionEnd - 2);
  const byOwner = new Map<string, Facts>();
  let surplus = false;
  let owner: Uint8Array | undefined;
  let facts: Facts | undefined;
  let offset = questionEnd;
  for (let i = readU16(wire, HEADER.answers); i > 0; i--) {
    const record = readRecord(wire, offset);
    if (record === undefined) return undefined;
    if (facts === undefined || record.owner !== owner) facts = factsOf(byOwner, octetString(record.owner));
    owner = record.owner;
    offset = record.end;
    if (isSurplus(wire, record, qtype, qclass)) {
      surplus = true;
      facts.onChain = true;
    } else if (surplus || !note(facts, wire, record, qtype, nameAt)) return undefined;
  }
  return byOwner;
}

function factsOf(byOwner: Map<string, Facts>, owner: string): Facts {
  let facts = byOwner.get(owner);
  if (facts === undefined) {
    facts = { alias: undefined, redirection: undefined, signedRedirection: false, onChain: false, answered: false };
    byOwner.set(owner, facts);
  }
  return facts;
}

/** Adds a record to what is known of its owner; false for one that contradicts another. */
function note(
  facts: Facts,
  wire: Uint8Array,
  record: ResourceRecord,
  qtype: number,
  nameAt: (offset: number) => string | undefined,
): boolean {
  const isSignature = record.type === TYPE.RRSIG;
  const type = subjectOf(wire, record, qtype);
  if (type === TYPE.DNAME) {
    if (isSignature) {
      facts.signedRedirection = true;
      return true;
    }
    const target = nameAt(record.dataStart);
    // RFC 6672 §2.4: a name has one DNAME record.
    if (target === undefined || (facts.redirection ?? target) !== target) return false;
    facts.redirection = target;
    return true;
  }
  facts.onChain = true;
  if (type === TYPE.CNAME) {
    if (isSignature) return true;
    const target = nameAt(record.dataStart);
    // RFC 2181 §10.1: a name is an alias of one name.
    if (target === undefined || (facts.alias ?? target) !== target) return false;
    facts.alias = target;
    return true;
  }
  if (!BESIDE_ALIAS.has(qtype)) facts.answered = true;
  return true;
}

/** All names from `name` on; undefined for a loop, or for more than are followed. */
function followAliases(name: string, facts: ReadonlyMap<string, Facts>): Set<string> | undefined {
  const chain = new Set([name]);
  for (let target = facts.get(name)?.alias; target !== undefined; target = facts.get(target)?.alias) {
    if (chain.has(target) || chain.size > MAX_ALIASES) return undefined;
    chain.add(target);
  }
  return chain;
}

/** For each name that has a DNAME record or a signature of one: the names of the chain that are below it. */
function namesBelow(chain: ReadonlySet<string>, facts: ReadonlyMap<string, Facts>): Map<string, string[]> {
  const below = new Map<string, string[]>();
  const redirects = ({ redirection, signedRedirection }: Facts): boolean =>
    redirection !== undefined || signedRedirection;
  if (![...facts.values()].some(redirects)) return below;
  for (const name of chain) {
    for (const ancestor of withAncestors(name)) {
      const known = facts.get(ancestor);
      if (ancestor === name || known === undefined || !redirects(known)) continue;
      const names = below.get(ancestor);
      if (names === undefined) below.set(ancestor, [name]);
      else names.push(name);
    }
  }
  return below;
}

/** RFC 6672 §3.1: the alias of a name below a DNAME record is that name with the record's target in place of its owner. */
function follows(name: string, owner: string, facts: ReadonlyMap<string, Facts>): boolean {
  const redirection = facts.get(owner)?.redirection;
  const alias = facts.get(name)?.alias;
  if (redirection === undefined || alias === undefined) return true;
  return alias === name.slice(0, name.length - owner.length) + redirection;
}
