import { createHash } from 'node:crypto';

const BASE32_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

const SUFFIX = '.onion';
/** base32 of 32 bytes of key, 2 of checksum and 1 of version. */
const V3_LENGTH = 56;
/** Version 2 addresses: 80 bits of a SHA-1. Tor dropped them in 0.4.6 (2021). */
const V2_LENGTH = 16;
const PUBLIC_KEY_BYTES = 32;
const CHECKSUM_BYTES = 2;
const VERSION = 3;

/** Whether only Tor can reach the host: RFC 7686 §1 sets `.onion` aside for it. */
export function isOnionHost(host: string): boolean {
  return host.toLowerCase().endsWith(SUFFIX);
}

/**
 * What is wrong with an onion host, as a clause that can follow the host; undefined when it is a valid version 3 address.
 * Labels in front of the address are allowed: Tor passes them over.
 */
export function onionAddressProblem(host: string): string | undefined {
  const address = host.toLowerCase().slice(0, -SUFFIX.length).split('.').at(-1) ?? '';
  if (address.length === V2_LENGTH) {
    return 'is an onion address of version 2, which Tor no longer supports; ask its operator for the version 3 address';
  }
  if (address.length !== V3_LENGTH) {
    return `is not a whole onion address: it has ${address.length} characters before .onion where ${V3_LENGTH} belong`;
  }
  const foreign = /[^a-z2-7]/u.exec(address)?.[0];
  if (foreign !== undefined) {
    return `is not an onion address: '${foreign}' is not among its characters a-z and 2-7`;
  }
  const bytes = decodeBase32(address);
  const publicKey = bytes.subarray(0, PUBLIC_KEY_BYTES);
  const given = bytes.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + CHECKSUM_BYTES);
  const version = bytes[PUBLIC_KEY_BYTES + CHECKSUM_BYTES];
  if (version !== VERSION) return `is an onion address of version ${version}; only version ${VERSION} exists`;
  // rend-spec-v3 §6 [ONIONADDRESS]: CHECKSUM = H(".onion checksum" | PUBKEY | VERSION)[:2], H being SHA3-256.
  const checksum = createHash('sha3-256')
    .update('.onion checksum')
    .update(publicKey)
    .update(Uint8Array.of(VERSION))
    .digest()
    .subarray(0, CHECKSUM_BYTES);
  return checksum.equals(given) ? undefined : 'has a typing error: the onion address fails its checksum; copy it again';
}

/** RFC 4648 §6, without padding. Takes only characters of its alphabet, in lower case. */
export function decodeBase32(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let bitCount = 0;
  for (const character of text) {
    bits = (bits << 5) | BASE32_ALPHABET.indexOf(character);
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes.push((bits >> bitCount) & 0xff);
      bits &= (1 << bitCount) - 1;
    }
  }
  return Uint8Array.from(bytes);
}
