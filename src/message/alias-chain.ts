import { readU16 } from './bytes.ts';
import { HEADER, HEADER_BYTES } from './header.ts';
import { MAX_NAME_BYTES, octetString, readName, withAncestors } from './name.ts';
import { createRecordReader } from './record.ts';
import { TYPE } from './tables.ts';

/** Aliases in one answer; what unbound follows at most. */
const MAX_ALIASES = 11;

/**
 * Whether every record of the answer section belongs to QNAME or to a name that QNAME is an alias of (RFC 1034 §4.3.2), and the aliases
 * come to an end. What else stands there was not asked for, and nothing says that whoever answered may speak for it (RFC 5452 §6).
 * Of a message whose question was checked; false as well for records that are not well-formed.
 */
export function isAnswerOfQuestion(wire: Uint8Array, questionEnd: number): boolean {
  const readRecord = createRecordReader();
  const nameBuffer = new Uint8Array(MAX_NAME_BYTES);
  const nameAt = (offset: number): string | undefined => {
    const name = readName(wire, offset, nameBuffer);
    return name === undefined ? undefined : octetString(nameBuffer.subarray(0, name.length));
  };

  const owners = new Set<string>();
  const dnameOwners = new Set<string>();
  const aliases = new Map<string, string>();
  let offset = questionEnd;
  for (let i = readU16(wire, HEADER.answers); i > 0; i--) {
    const record = readRecord(wire, offset);
    if (record === undefined) return false;
    const owner = octetString(record.owner);
    owners.add(owner);
    if (record.type === TYPE.DNAME) dnameOwners.add(owner);
    if (record.type === TYPE.CNAME) {
      const target = nameAt(record.dataStart);
      if (target === undefined) return false;
      aliases.set(owner, target);
    }
    offset = record.end;
  }

  const chain = followAliases(nameAt(HEADER_BYTES) ?? '', aliases);
  if (chain === undefined) return false;
  for (const owner of owners) {
    if (!chain.has(owner) && !(dnameOwners.has(owner) && isAboveOne(owner, chain))) return false;
  }
  return true;
}

/** RFC 6672 §3.1: a DNAME record belongs to a name above the one that it gives an alias for. */
function isAboveOne(owner: string, chain: ReadonlySet<string>): boolean {
  return [...chain].some((name) => [...withAncestors(name)].includes(owner));
}

/** All names from `name` on; undefined for a loop, or for more than are followed. */
function followAliases(name: string, aliases: ReadonlyMap<string, string>): Set<string> | undefined {
  const chain = new Set([name]);
  for (let target = aliases.get(name); target !== undefined; target = aliases.get(target)) {
    if (chain.has(target) || chain.size > MAX_ALIASES) return undefined;
    chain.add(target);
  }
  return chain;
}
