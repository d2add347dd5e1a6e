import { isIPv6 } from 'node:net';
import type { Answer } from '../message/answer/answer.ts';
import { encodeName } from '../message/wire/codec.ts';
import { octetString } from '../message/wire/name.ts';
import { RCODE, TYPE } from '../message/wire/tables.ts';
import { ENCRYPTED_PORT } from '../model/usual-ports.ts';
import {
  atQname,
  buildLocalAnswer,
  joinRecords,
  type LocalQuestion,
  localRecord,
  NO_RECORDS,
  ownSoa,
} from './local-answer.ts';
import { encodeServiceBinding, type ServiceBinding } from './service-binding.ts';

/** The encrypted resolver at one address. At least one of its protocols is served there. */
export interface DesignatedResolver {
  /** A host name of its certificate. */
  readonly name: string;
  /** An IP address without a zone. */
  readonly address: string;
  /** Undefined if DoT is not served at the address. */
  readonly dotPort: number | undefined;
  /** Undefined if DoH is not served at the address. The path is that of its resource, percent-encoded. */
  readonly doh: { readonly port: number; readonly path: string } | undefined;
}

/** Returns the designated resolver for clients that ask at `address`, or undefined. */
export type Designates = (address: string) => DesignatedResolver | undefined;

/** The name at which clients ask for the encrypted resolver of an address (RFC 9462 §4). */
const DISCOVERY_NAME = octetString(encodeName('_dns.resolver.arpa'));

/** TTL of the records, and of the answer that there are none. A changed certificate takes effect soon. */
const TTL_SECONDS = 300;

const SOA = localRecord(ownSoa('resolver.arpa', TTL_SECONDS));

/** IPv4 and IPv6 addresses end their records, in these many octets. */
const ADDRESS_BYTES = { A: 4, AAAA: 16 } as const;

/** Whether a client asks for the encrypted resolver. @param qname in lower case, as `octetString` returns it */
export function isDiscovery(qname: string, qtype: number): boolean {
  return qtype === TYPE.SVCB && qname === DISCOVERY_NAME;
}

/** The answer to that question (RFC 9462 §4). Without a resolver there is no data. */
export function discoveryAnswer(question: LocalQuestion, resolver: DesignatedResolver | undefined): Answer {
  if (resolver === undefined) return buildLocalAnswer(question, RCODE.NOERROR, NO_RECORDS, SOA);
  const type = isIPv6(resolver.address) ? 'AAAA' : 'A';
  // RFC 9462 §4: with the address, clients need not look up the name.
  const address = localRecord({ type, name: resolver.name, ttl: TTL_SECONDS, data: resolver.address });
  const bindings = bindingsOf(resolver, address.bytes.subarray(-ADDRESS_BYTES[type]));
  const answers = joinRecords(bindings.map((binding) => atQname(encodeServiceBinding(binding, TTL_SECONDS))));
  return buildLocalAnswer(question, RCODE.NOERROR, answers, NO_RECORDS, address);
}

/** DoT first: unlike HTTP, it has no headers that tell clients apart (RFC 8484 §8.2). */
function bindingsOf({ name: target, dotPort, doh }: DesignatedResolver, hint: Uint8Array): ServiceBinding[] {
  const dot = dotPort === undefined ? [] : [{ alpn: ['dot'], port: portOf(dotPort, ENCRYPTED_PORT.dot) }];
  const https =
    doh === undefined
      ? []
      : [{ alpn: ['h2', 'http/1.1'], port: portOf(doh.port, ENCRYPTED_PORT.doh), dohPath: `${doh.path}{?dns}` }];
  return [...dot, ...https].map((endpoint, index) => ({ priority: index + 1, target, hint, ...endpoint }));
}

/** RFC 9461 §4.2: a record without a port means the default one. */
function portOf(port: number, defaultPort: number): number | undefined {
  return port === defaultPort ? undefined : port;
}
