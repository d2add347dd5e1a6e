import { readU16 } from '../message/wire/bytes.ts';
import { TYPE } from '../message/wire/tables.ts';

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

/** SvcPriority, before the target name (RFC 9460 §2.2). */
const PRIORITY_BYTES = 2;
/** SvcParamKey and the length of its value. */
const PARAMETER_HEADER_BYTES = 4;
/** SvcParamKeys of address hints (RFC 9460 §7.3), each with the size of its addresses. */
const HINTS: ReadonlyMap<number, number> = new Map([
  [4, IPV4_BYTES],
  [6, IPV6_BYTES],
]);

/** Prefixes of IPv6 addresses that contain an IPv4 address behind the prefix. */
const EMBEDDING: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], // IPv4-mapped (RFC 4291 §2.5.5.2)
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // IPv4-compatible (RFC 4291 §2.5.5.1), with :: and ::1
  [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], // NAT64 (RFC 6052 §2.1)
  [0x20, 0x02], // 6to4 (RFC 3056 §2)
];

/** RFC 8215: NAT64 within one network; the IPv4 address has no fixed place. */
const LOCAL_NAT64: readonly number[] = [0, 0x64, 0xff, 0x9b, 0, 1];

/**
 * Whether RDATA has an address within this machine or its networks: that of an A or AAAA record, or an address hint of
 * an SVCB or HTTPS record.
 */
export function hasPrivateAddress(wire: Uint8Array, type: number, dataStart: number, end: number): boolean {
  switch (type) {
    case TYPE.A:
      return isPrivateV4(wire, dataStart);
    case TYPE.AAAA:
      return isPrivateV6(wire, dataStart);
    case TYPE.SVCB:
    case TYPE.HTTPS:
      return hasPrivateHint(wire, dataStart, end);
    default:
      return false;
  }
}

function hasPrivateHint(wire: Uint8Array, dataStart: number, end: number): boolean {
  let offset = dataStart + PRIORITY_BYTES;
  // RFC 9460 §2.2: the target is not compressed.
  while (offset < end && wire[offset] !== 0) offset += 1 + (wire[offset] as number);
  offset++;
  while (offset + PARAMETER_HEADER_BYTES <= end) {
    const size = HINTS.get(readU16(wire, offset));
    const valueStart = offset + PARAMETER_HEADER_BYTES;
    const valueEnd = Math.min(end, valueStart + readU16(wire, offset + 2));
    if (size !== undefined) {
      for (let address = valueStart; address + size <= valueEnd; address += size) {
        if (size === IPV4_BYTES ? isPrivateV4(wire, address) : isPrivateV6(wire, address)) return true;
      }
    }
    offset = valueEnd;
  }
  return false;
}

/** Whether the IPv4 address is valid only within a machine or network (IANA IPv4 Special-Purpose Address Registry). */
function isPrivateV4(wire: Uint8Array, offset: number): boolean {
  const first = wire[offset] as number;
  const second = wire[offset + 1] as number;
  switch (first) {
    case 0: // "this network" (RFC 1122 §3.2.1.3), which programs take for this machine
    case 10: // RFC 1918
    case 127: // loopback
      return true;
    case 100: // shared address space (RFC 6598)
      return second >= 64 && second <= 127;
    case 169: // link-local (RFC 3927)
      return second === 254;
    case 172: // RFC 1918
      return second >= 16 && second <= 31;
    case 192: // RFC 1918
      return second === 168;
    default:
      return false;
  }
}

/** Whether the IPv6 address, or the IPv4 address in it, is valid only within a machine or network. */
function isPrivateV6(wire: Uint8Array, offset: number): boolean {
  const first = readU16(wire, offset);
  // Unique local (RFC 4193), link-local (RFC 4291 §2.5.6), and the former site-local (RFC 3879).
  if ((first & 0xfe00) === 0xfc00 || (first & 0xff80) === 0xfe80) return true;
  const embedding = EMBEDDING.find((prefix) => startsWith(wire, offset, prefix));
  if (embedding !== undefined) return isPrivateV4(wire, offset + embedding.length);
  return startsWith(wire, offset, LOCAL_NAT64);
}

function startsWith(wire: Uint8Array, offset: number, prefix: readonly number[]): boolean {
  return prefix.every((octet, i) => wire[offset + i] === octet);
}
