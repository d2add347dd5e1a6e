import { createHash } from 'node:crypto';

const BASE32_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

const SUFFIX = '.onion';
/** Characters of a version 3 address: Base32 of a 32-byte key, a 2-byte checksum and a version byte. */
const V3_LENGTH = 56;
/** Characters of a version 2 address: 80 bits of a SHA-1. Tor 0.4.6 (2021) removed them. */
const V2_LENGTH = 16;
const PUBLIC_KEY_BYTES = 32;
const CHECKSUM_BYTES = 2;
const VERSION = 3;

const COPY_AGAIN = 'copy the address again';
const ASK_OPERATOR = 'ask the operator of the service for its version 3 address';

/** Whether a host is an onion service, which only Tor can reach (RFC 7686 §1). */
export function isOnionHost(host: string): boolean {
  return host.toLowerCase().endsWith(SUFFIX);
}

/**
 * Validates an onion host. Labels before the address are allowed: Tor ignores them.
 *
 * @returns the problem, as a clause that follows the host, and its remedy; undefined if this is a valid version 3
 *   address
 */
export function onionAddressProblem(host: string): { readonly problem: string; readonly remedy: string } | undefined {
  const address = host.toLowerCase().slice(0, -SUFFIX.length).split('.').at(-1) ?? '';
  if (address.length === V2_LENGTH) {
    return {
      problem: 'is an onion address of version 2, which Tor no longer supports',
      remedy: ASK_OPERATOR,
    };
  }
  if (address.length !== V3_LENGTH) {
    return {
      problem: `is not a complete onion address: it has ${address.length} characters before .onion instead of ${V3_LENGTH}`,
      remedy: COPY_AGAIN,
    };
  }
  const foreign = /[^a-z2-7]/u.exec(address)?.[0];
  if (foreign !== undefined) {
    return {
      problem: `is not an onion address: it contains '${foreign}', but only a-z and 2-7 are allowed`,
      remedy: COPY_AGAIN,
    };
  }
  const bytes = decodeBase32(address);
  const publicKey = bytes.subarray(0, PUBLIC_KEY_BYTES);
  const given = bytes.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + CHECKSUM_BYTES);
  const version = bytes[PUBLIC_KEY_BYTES + CHECKSUM_BYTES] ?? 0;
  // The checksum comes first: a wrong last character changes the version too, and no other version is in use.
  if (!checksumOf(publicKey, version).equals(given)) {
    return { problem: 'is mistyped: the checksum of the onion address does not match', remedy: COPY_AGAIN };
  }
  if (version === VERSION) return undefined;
  return {
    problem: `is an onion address of version ${version}, but dns4tor knows only version ${VERSION}`,
    remedy: ASK_OPERATOR,
  };
}

/** rend-spec-v3 §6 [ONIONADDRESS]: CHECKSUM = H(".onion checksum" | PUBKEY | VERSION)[:2], H being SHA3-256. */
function checksumOf(publicKey: Uint8Array, version: number): Buffer {
  const hash = createHash('sha3-256').update('.onion checksum').update(publicKey).update(Uint8Array.of(version));
  return hash.digest().subarray(0, CHECKSUM_BYTES);
}

/**
 * Decodes Base32 (RFC 4648 §6) without padding.
 *
 * @param text only lower-case characters of the alphabet
 */
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
