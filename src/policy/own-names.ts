import { isIPv6 } from 'node:net';
import type { Answer } from '../message/answer/answer.ts';
import { encodeName } from '../message/wire/codec.ts';
import { octetString, withAncestors } from '../message/wire/name.ts';
import { RCODE, TYPE } from '../message/wire/tables.ts';
import type { OwnName } from '../model/names/own-name.ts';
import {
  buildLocalAnswer,
  joinRecords,
  type LocalQuestion,
  type LocalRecords,
  NO_RECORDS,
  recordAtQname,
  soaAtQname,
} from './local-answer.ts';

/** TTL of own names, in seconds. Short, because a reload cannot reach what clients have cached. */
const OWN_NAME_TTL_SECONDS = 60;

/** A name whose answer is that of another name, behind a CNAME record. */
export interface Alias {
  /** The target in wire form and in lower case. */
  readonly target: Uint8Array;
  /** The CNAME record, which is the first record of the answer. */
  readonly record: LocalRecords;
}

/** The records of one name, by type. */
interface Records {
  readonly byType: Map<number, LocalRecords>;
  alias: Alias | undefined;
}

const SOA = soaAtQname(OWN_NAME_TTL_SECONDS);

/** The names of the operator: from hosts files and from `[names]`. Other types of a known name have no data. */
export class OwnNames {
  /** By name in wire form, one character per octet. */
  readonly #byName = new Map<string, Records>();
  /** The ancestors of all names. RFC 8020 §2: if a name exists, its ancestors exist too. */
  readonly #ancestors = new Set<string>();

  /**
   * @param hosts names of hosts files. The first name of an address gets its PTR record.
   * @param configured names of the configuration. They replace those of hosts files.
   */
  constructor(hosts: readonly OwnName[], configured: readonly OwnName[]) {
    const replaced = new Set(configured.map(({ name }) => name));
    for (const own of configured) this.#add(own);
    for (const own of hosts) if (!replaced.has(own.name)) this.#add(own);
    for (const name of this.#byName.keys()) {
      for (const ancestor of withAncestors(name)) if (ancestor !== name) this.#ancestors.add(ancestor);
    }
  }

  /** Number of names, with those of the PTR records. */
  get size(): number {
    return this.#byName.size;
  }

  /** The answer for an own name. Undefined for other names. @param qname in lower case, as `octetString` returns it */
  answer(question: LocalQuestion, qname: string, qtype: number): Answer | Alias | undefined {
    const records = this.#byName.get(qname);
    if (records === undefined) return undefined;
    const { alias, byType } = records;
    if (alias !== undefined) {
      const isAlias = qtype === TYPE.CNAME || qtype === TYPE.ANY;
      return isAlias ? buildLocalAnswer(question, RCODE.NOERROR, alias.record) : alias;
    }
    const found = qtype === TYPE.ANY ? joinRecords([...byType.values()]) : byType.get(qtype);
    return found === undefined
      ? buildLocalAnswer(question, RCODE.NOERROR, NO_RECORDS, SOA)
      : buildLocalAnswer(question, RCODE.NOERROR, found);
  }

  /** The answer for a name that exists only because own names are below it: no data. */
  answerAbove(question: LocalQuestion, qname: string): Answer | undefined {
    return this.#ancestors.has(qname) ? buildLocalAnswer(question, RCODE.NOERROR, NO_RECORDS, SOA) : undefined;
  }

  #add(own: OwnName): void {
    const name = octetString(encodeName(own.name));
    if ('target' in own) {
      const record = recordAtQname({ type: 'CNAME', name: '.', ttl: OWN_NAME_TTL_SECONDS, data: own.target });
      this.#recordsOf(name).alias = { target: encodeName(own.target), record };
      return;
    }
    const type = isIPv6(own.address) ? 'AAAA' : 'A';
    const record = recordAtQname({ type, name: '.', ttl: OWN_NAME_TTL_SECONDS, data: own.address });
    this.#addRecord(name, TYPE[type], record);
    const pointer = octetString(encodeName(reverseName(record.bytes.subarray(type === 'A' ? -4 : -16))));
    if (this.#byName.get(pointer)?.byType.has(TYPE.PTR) === true) return;
    const ptr = recordAtQname({ type: 'PTR', name: '.', ttl: OWN_NAME_TTL_SECONDS, data: own.name });
    this.#addRecord(pointer, TYPE.PTR, ptr);
  }

  #addRecord(name: string, type: number, record: LocalRecords): void {
    const { byType } = this.#recordsOf(name);
    const earlier = byType.get(type);
    if (earlier === undefined) byType.set(type, record);
    else if (!isPartOf(record, earlier)) byType.set(type, joinRecords([earlier, record]));
  }

  #recordsOf(name: string): Records {
    let records = this.#byName.get(name);
    if (records === undefined) this.#byName.set(name, (records = { byType: new Map(), alias: undefined }));
    return records;
  }
}

/** Whether a record is among others of its name and type, which all have its length. RFC 2181 §5: no duplicates. */
function isPartOf({ bytes }: LocalRecords, others: LocalRecords): boolean {
  const text = octetString(bytes);
  return Array.from({ length: others.count }, (_, i) =>
    octetString(others.bytes.subarray(i * bytes.length, (i + 1) * bytes.length)),
  ).includes(text);
}

/** The reverse name of an address (RFC 1035 §3.5, RFC 3596 §2.5). */
function reverseName(address: Uint8Array): string {
  const octets = [...address].toReversed();
  if (octets.length === 4) return `${octets.join('.')}.in-addr.arpa`;
  const nibbles = octets.flatMap((octet) => [octet & 0xf, octet >> 4]).map((nibble) => nibble.toString(16));
  return `${nibbles.join('.')}.ip6.arpa`;
}
