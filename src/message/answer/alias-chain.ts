import { readU16 } from '../wire/bytes.ts';
import { HEADER, HEADER_BYTES, QUESTION_FIXED_BYTES } from '../wire/header.ts';
import { MAX_NAME_BYTES, octetString, readName, withAncestors } from '../wire/name.ts';
import { createRecordReader, type ResourceRecord, subjectType } from '../wire/record.ts';
import { isData, TYPE } from '../wire/tables.ts';

/**
 * Maximum aliases in one answer, as in BIND. unbound stops at 11, but then queries for the rest of the chain. dns4tor
 * does not.
 */
export const MAX_ALIASES = 16;

/** CNAME, the types that may share its owner name (RFC 2181 §10.1, RFC 4035 §2.5), and ANY. */
const BESIDE_ALIAS: ReadonlySet<number> = new Set([TYPE.CNAME, TYPE.RRSIG, TYPE.NSEC, TYPE.ANY]);

/** What the answer section contains for one owner name. */
interface Facts {
  /** Target of its CNAME record. */
  alias: string | undefined;
  /** Target of its DNAME record, which redirects all names below the owner (RFC 6672 §2.2). */
  redirection: string | undefined;
  /** Whether it has an RRSIG record for a DNAME record. */
  signedRedirection: boolean;
  /** Whether it has records that are valid only for names on the alias chain. */
  onChain: boolean;
  /** Whether it has records that cannot share their owner with a CNAME record. */
  answered: boolean;
}

/**
 * The type by which to judge a record. An RRSIG record counts as the type that it covers (RFC 4035 §3.1.1), unless
 * QTYPE is RRSIG.
 */
function judgedType(wire: Uint8Array, record: ResourceRecord, qtype: number): number {
  return qtype === TYPE.RRSIG ? record.type : subjectType(wire, record);
}

/**
 * Whether a record of the answer section is irrelevant to the question: its class differs (RFC 2181 §5), or its type is
 * neither QTYPE nor that of an alias (RFC 1034 §4.3.2, RFC 6672 §3.1).
 */
export function isIrrelevant(wire: Uint8Array, record: ResourceRecord, qtype: number, qclass: number): boolean {
  if (record.class !== qclass) return true;
  const type = judgedType(wire, record, qtype);
  if (type === qtype || type === TYPE.CNAME || type === TYPE.DNAME) return false;
  return qtype !== TYPE.ANY || !isData(type);
}

/**
 * Whether the answer section follows from the question. Other records could poison the cache: nothing shows that the
 * responder is authoritative for them (RFC 5452 §6).
 *
 * - Every record belongs to QNAME or a name on its alias chain, or is a DNAME record that creates such an alias (RFC
 *   1034 §4.3.2).
 * - The alias chain ends and does not contradict itself.
 * - Irrelevant records come last, where they can be cut off.
 *
 * Takes time linear in the length of any message.
 * @param wire a message whose question is valid
 * @returns false also if a record is malformed
 */
export function isAnswerOfQuestion(wire: Uint8Array, questionEnd: number): boolean {
  const nameBuffer = new Uint8Array(MAX_NAME_BYTES);
  const nameAt = (offset: number): string | undefined => {
    const name = readName(wire, offset, nameBuffer);
    return name === undefined ? undefined : octetString(nameBuffer.subarray(0, name.length));
  };

  const qtype = readU16(wire, questionEnd - QUESTION_FIXED_BYTES);
  const facts = readFacts(wire, questionEnd, qtype, nameAt);
  if (facts === undefined) return false;
  if (facts.size === 0) return true;
  const chain = followAliases(nameAt(HEADER_BYTES) ?? '', facts);
  if (chain === undefined) return false;
  const redirected = namesBelow(chain, facts);
  for (const [owner, { alias, redirection, signedRedirection, onChain, answered }] of facts) {
    if (onChain && !chain.has(owner)) return false;
    // RFC 1034 §3.6.2: a name with a CNAME record has no other data.
    if (answered && alias !== undefined) return false;
    const wantsDname = qtype === TYPE.DNAME || qtype === TYPE.ANY;
    if (redirection === undefined && !signedRedirection) continue;
    // RFC 6672 §3.1: the owner of a DNAME record is an ancestor of a name on the chain, unless QTYPE includes DNAME.
    if (!redirected.has(owner) && !(wantsDname && chain.has(owner))) return false;
  }
  return [...redirected].every(([owner, names]) => names.every((name) => follows(name, owner, facts)));
}

/**
 * Collects the facts of the answer section by owner, in message order. Returns undefined if a record is malformed or
 * contradicts another, or if a relevant record follows an irrelevant one.
 */
function readFacts(
  wire: Uint8Array,
  questionEnd: number,
  qtype: number,
  nameAt: (offset: number) => string | undefined,
): ReadonlyMap<string, Facts> | undefined {
  const readRecord = createRecordReader();
  const qclass = readU16(wire, questionEnd - 2);
  const byOwner = new Map<string, Facts>();
  let foundIrrelevant = false;
  let owner: Uint8Array | undefined;
  let facts: Facts | undefined;
  let offset = questionEnd;
  for (let i = readU16(wire, HEADER.ancount); i > 0; i--) {
    const record = readRecord(wire, offset);
    if (record === undefined) return undefined;
    if (facts === undefined || record.owner !== owner) facts = factsOf(byOwner, octetString(record.owner));
    owner = record.owner;
    offset = record.end;
    if (isIrrelevant(wire, record, qtype, qclass)) {
      foundIrrelevant = true;
      facts.onChain = true;
    } else if (foundIrrelevant || !addFact(facts, wire, record, qtype, nameAt)) return undefined;
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

/** Adds a record to the facts about its owner. Returns false if it is malformed or contradicts an earlier record. */
function addFact(
  facts: Facts,
  wire: Uint8Array,
  record: ResourceRecord,
  qtype: number,
  nameAt: (offset: number) => string | undefined,
): boolean {
  const isSignature = record.type === TYPE.RRSIG;
  const type = judgedType(wire, record, qtype);
  if (type === TYPE.DNAME) {
    if (isSignature) {
      facts.signedRedirection = true;
      return true;
    }
    const target = nameAt(record.dataStart);
    // RFC 6672 §2.4: a name has at most one DNAME record.
    if (target === undefined || (facts.redirection ?? target) !== target) return false;
    facts.redirection = target;
    return true;
  }
  facts.onChain = true;
  if (type === TYPE.CNAME) {
    if (isSignature) return true;
    const target = nameAt(record.dataStart);
    // RFC 2181 §10.1: a name has at most one CNAME record.
    if (target === undefined || (facts.alias ?? target) !== target) return false;
    facts.alias = target;
    return true;
  }
  if (!BESIDE_ALIAS.has(qtype)) facts.answered = true;
  return true;
}

/** The alias chain that starts at `name`; undefined if it loops or has more than {@link MAX_ALIASES} aliases. */
function followAliases(name: string, facts: ReadonlyMap<string, Facts>): Set<string> | undefined {
  const chain = new Set([name]);
  for (let target = facts.get(name)?.alias; target !== undefined; target = facts.get(target)?.alias) {
    if (chain.has(target) || chain.size > MAX_ALIASES) return undefined;
    chain.add(target);
  }
  return chain;
}

/** For each owner of a DNAME record or its signature: the names of the chain below it. */
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

/** RFC 6672 §3.1: a name below a DNAME record is an alias of the same name with the owner replaced by the target. */
function follows(name: string, owner: string, facts: ReadonlyMap<string, Facts>): boolean {
  const redirection = facts.get(owner)?.redirection;
  const alias = facts.get(name)?.alias;
  if (redirection === undefined || alias === undefined) return true;
  return alias === name.slice(0, name.length - owner.length) + redirection;
}
