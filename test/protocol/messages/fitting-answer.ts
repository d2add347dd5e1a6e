import assert from 'node:assert/strict';
import type { StrictMessage, StrictRecord } from './strict-message.ts';

/*
 * A second, independent implementation of which records an answer may have. It is simple and slow, and shares no code
 * with the tested one.
 */

const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33, DNAME: 39, DS: 43, RRSIG: 46, NSEC: 47 } as const;
const MORE_TYPE = { NSEC3: 50, SVCB: 64, HTTPS: 65 } as const;
const ANY = 255;
const AUTHORITIES: readonly number[] = [TYPE.NS, TYPE.SOA, TYPE.DS, TYPE.NSEC, MORE_TYPE.NSEC3];
const OF_ZONE: readonly number[] = [TYPE.NS, TYPE.SOA, TYPE.DS];
const ADDITIONALS: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.SRV, MORE_TYPE.SVCB, MORE_TYPE.HTTPS];
const MAX_ALIASES = 16;
const MAX_TTL_SECONDS = 86_400;
const MAX_DENIAL_TTL_SECONDS = 10_800;

/** The type of a record or, for an RRSIG record, the type that it covers. */
function subject({ type, data }: StrictRecord): number {
  return type === TYPE.RRSIG ? (data.charCodeAt(0) << 8) | data.charCodeAt(1) : type;
}

/** Affects only ASCII (RFC 4343 §3). */
function smallLetters(octets: string): string {
  return octets.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Whether `zone` is `name` or an ancestor of it, by whole labels. */
function encloses(zone: string, name: string): boolean {
  let rest = name;
  while (rest.length > zone.length) rest = rest.slice(1 + rest.charCodeAt(0));
  return rest === zone;
}

/** Checks that a reply from upstream has only records that an answer to its question may have. */
export function assertFits({ question, answers, authorities, additionals }: StrictMessage): void {
  const qname = smallLetters(question.subarray(0, -4).toString('latin1'));
  const qtype = question.readUInt16BE(question.length - 4);
  for (const { class: rrclass, ttl } of [...answers, ...authorities, ...additionals]) {
    assert.equal(rrclass, 1, 'a record of another class');
    assert.ok(ttl <= MAX_TTL_SECONDS, `a TTL of ${ttl} s`);
  }

  const aliases = new Map<string, string>();
  for (const { owner, type, data } of answers) {
    if (type !== TYPE.CNAME) continue;
    assert.ok((aliases.get(owner) ?? data) === data, 'two aliases of one name');
    aliases.set(owner, data);
  }
  const chain = [qname];
  for (let next = aliases.get(qname); next !== undefined; next = aliases.get(next)) {
    assert.ok(chain.length <= MAX_ALIASES && !chain.includes(next), 'too many aliases');
    chain.push(next);
  }
  for (const record of answers) {
    const { owner } = record;
    const type = qtype === TYPE.RRSIG ? record.type : subject(record);
    if (type === TYPE.DNAME && qtype !== TYPE.DNAME && qtype !== ANY) {
      assert.ok(
        chain.some((name) => name !== owner && encloses(owner, name)),
        'a DNAME record that is at no ancestor',
      );
      continue;
    }
    assert.ok(
      chain.includes(owner) || (type === TYPE.DNAME && chain.some((name) => encloses(owner, name))),
      'a record at an unrelated name',
    );
    assert.ok([qtype, TYPE.CNAME, TYPE.DNAME].includes(type) || qtype === ANY, 'a type that was not asked for');
  }

  for (const record of authorities) {
    const type = subject(record);
    assert.ok(AUTHORITIES.includes(type), 'a record that is none of an authority');
    const zone = type === MORE_TYPE.NSEC3 ? record.owner.slice(1 + record.owner.charCodeAt(0)) : record.owner;
    const isOfZone = OF_ZONE.includes(type) || type === MORE_TYPE.NSEC3;
    assert.ok(!isOfZone || chain.some((name) => encloses(zone, name)), 'an authority of another zone');
    assert.ok(record.type !== TYPE.SOA || record.ttl <= MAX_DENIAL_TTL_SECONDS, 'a denial that does not end');
  }
  const named = [...answers, ...authorities, ...additionals].map(({ data }) => data).join('\n');
  for (const record of additionals) {
    assert.ok(ADDITIONALS.includes(subject(record)), 'an additional record of a type that nobody follows');
    const isAtService = chain.includes(record.owner) && (qtype === MORE_TYPE.SVCB || qtype === MORE_TYPE.HTTPS);
    assert.ok(isAtService || smallLetters(named).includes(record.owner), 'an additional record that no record names');
  }
}
