import { encodeName } from '../message/wire/codec.ts';
import { CLASS, TYPE } from '../message/wire/tables.ts';

/** SvcParamKeys (RFC 9460 §14.3.2, RFC 9461 §5). RDATA lists them in this order (RFC 9460 §2.2). */
const KEY = { alpn: 1, port: 3, ipv4hint: 4, ipv6hint: 6, dohpath: 7 } as const;

/** How an endpoint of a DNS server is reached (RFC 9461). */
export interface ServiceBinding {
  /** SvcPriority: 1 to 65535, the preferred one first. 0 would be an alias. */
  readonly priority: number;
  /** TargetName: an ASCII host name. */
  readonly target: string;
  /** Names of application protocols; at least one, each of 1 to 255 octets. */
  readonly alpn: readonly string[];
  /** Absent for the default port of the protocol. */
  readonly port?: number | undefined;
  /** An address hint: 4 or 16 octets. */
  readonly hint: Uint8Array;
  /** URI Template in relative form, with the variable `dns`. Required for HTTP, absent otherwise (RFC 9461 §5.1). */
  readonly dohPath?: string | undefined;
}

/** Encodes an SVCB record without its owner: type, class, TTL, RDLENGTH and RDATA (RFC 9460 §2.2). */
export function encodeServiceBinding(binding: ServiceBinding, ttlSeconds: number): Uint8Array {
  const { priority, target, alpn, port, hint, dohPath } = binding;
  const data = Buffer.concat([
    u16(priority),
    // Not compressed (RFC 9460 §2.2).
    encodeName(target),
    parameter(KEY.alpn, Buffer.concat(alpn.map(lengthAndText))),
    ...(port === undefined ? [] : [parameter(KEY.port, u16(port))]),
    parameter(hint.length === 4 ? KEY.ipv4hint : KEY.ipv6hint, hint),
    ...(dohPath === undefined ? [] : [parameter(KEY.dohpath, Buffer.from(dohPath))]),
  ]);
  const ttl = u16(ttlSeconds >>> 16, ttlSeconds & 0xffff);
  return Buffer.concat([u16(TYPE.SVCB, CLASS.IN), ttl, u16(data.length), data]);
}

function parameter(key: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([u16(key, value.length), value]);
}

/** An element of the list that `alpn` holds (RFC 9460 §7.1.1). */
function lengthAndText(protocol: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(protocol.length), Buffer.from(protocol)]);
}

function u16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}
