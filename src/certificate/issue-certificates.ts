import { createHash, createPublicKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import type { Random } from '../lib/random.ts';
import { bitString, booleanTrue, contextTag, element, integer, oid, readElements, sequence, TAG, time } from './der.ts';
import { encodeAlternativeNames, encodeConstraints } from './general-names.ts';

/** A certificate authority that can issue certificates. */
export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** When a certificate is valid, in milliseconds since 1970. Both are rounded down to seconds. */
export interface Validity {
  readonly fromEpochMs: number;
  readonly untilEpochMs: number;
}

/** Object identifiers of certificate extensions (RFC 5280 §4.2.1). */
export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/**
 * The subject of server certificates. It is not like a host name: some programs also check the names in a subject
 * against the constraints of the authority.
 */
export const SERVER_SUBJECT = 'dns4tor server';

const COMMON_NAME = '2.5.4.3';
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** RFC 5280 §4.1.2.2: unpredictable, at most 20 octets. */
const SERIAL_BYTES = 16;
/** RFC 5280, appendix A.1: ub-common-name. */
const MAX_COMMON_NAME = 64;
/** RFC 7093 §2, method 1. */
const KEY_ID_BYTES = 20;
const VERSION_3 = 2;

/**
 * Makes a certificate authority that can issue certificates for these names only (RFC 5280 §4.2.1.10), for servers
 * only, and no further authorities.
 *
 * @param key P-256
 */
export function issueAuthority(
  random: Random,
  key: KeyObject,
  { names, ...validity }: Validity & { readonly names: readonly string[] },
): Authority {
  const [host = ''] = names;
  const keyId = keyIdentifier(key);
  const label = `dns4tor CA ${Buffer.from(keyId).toString('hex', 0, 4)} for ${host}`;
  const subject = commonName(label.slice(0, MAX_COMMON_NAME));
  const extensions = [
    extension('basicConstraints', sequence(booleanTrue(), integer(Uint8Array.of(0))), 'critical'),
    // keyCertSign is bit 5, counted from the first.
    extension('keyUsage', bitString(Uint8Array.of(0b0000_0100), 2), 'critical'),
    extension('extendedKeyUsage', sequence(oid(SERVER_AUTH))),
    extension('nameConstraints', encodeConstraints(names), 'critical'),
    extension('subjectKeyIdentifier', element(TAG.octetString, keyId)),
  ];
  return { certificate: issue(random, { issuer: subject, subject, validity, extensions, publicOf: key }, key), key };
}

/**
 * Issues the certificate of a server.
 * @param names at least one, permitted by the authority
 */
export function issueServerCertificate(
  random: Random,
  { certificate, key }: Authority,
  { names, serverKey, ...validity }: Validity & { readonly names: readonly string[]; readonly serverKey: KeyObject },
): X509Certificate {
  const extensions = [
    extension('basicConstraints', sequence(), 'critical'),
    // digitalSignature, the first bit: all that TLS 1.3, and ECDHE in TLS 1.2, do with the key.
    extension('keyUsage', bitString(Uint8Array.of(0b1000_0000), 7), 'critical'),
    extension('extendedKeyUsage', sequence(oid(SERVER_AUTH))),
    extension('subjectAltName', encodeAlternativeNames(names)),
    extension('subjectKeyIdentifier', element(TAG.octetString, keyIdentifier(serverKey))),
    extension('authorityKeyIdentifier', sequence(element(contextTag(0, 'primitive'), keyIdentifier(key)))),
  ];
  const subject = commonName(SERVER_SUBJECT);
  const issuer = subjectOf(certificate);
  return issue(random, { issuer, subject, validity, extensions, publicOf: serverKey }, key);
}

/** The value of an extension. Undefined if the certificate does not have it. */
export function extensionValue({ raw }: X509Certificate, name: keyof typeof EXTENSION): Uint8Array | undefined {
  const list = tbsElements(raw).find(({ tag }) => tag === contextTag(3, 'constructed'));
  const [extensions] = readElements(list?.content ?? new Uint8Array(0)) ?? [];
  for (const { content } of readElements(extensions?.content ?? new Uint8Array(0)) ?? []) {
    const parts = readElements(content) ?? [];
    const isNamed =
      Buffer.compare(element(TAG.oid, parts[0]?.content ?? new Uint8Array(0)), oid(EXTENSION[name])) === 0;
    if (isNamed) return parts.at(-1)?.content;
  }
  return undefined;
}

/** The fields of a TBSCertificate (RFC 5280 §4.1). */
function tbsElements(raw: Uint8Array): readonly { readonly tag: number; readonly content: Uint8Array }[] {
  const [whole] = readElements(raw) ?? [];
  const [tbs] = readElements(whole?.content ?? new Uint8Array(0)) ?? [];
  return readElements(tbs?.content ?? new Uint8Array(0)) ?? [];
}

/** The encoded subject: the issuer of a certificate must equal it octet by octet (RFC 5280 §7.1 compares less). */
function subjectOf({ raw }: X509Certificate): Uint8Array {
  const subject = tbsElements(raw)[5];
  return element(TAG.sequence, subject?.content ?? new Uint8Array(0));
}

function commonName(text: string): Uint8Array {
  return sequence(element(TAG.set, sequence(oid(COMMON_NAME), element(TAG.utf8String, Buffer.from(text)))));
}

function extension(name: keyof typeof EXTENSION, value: Uint8Array, isCritical?: 'critical'): Uint8Array {
  const critical = isCritical === undefined ? [] : [booleanTrue()];
  return sequence(oid(EXTENSION[name]), ...critical, element(TAG.octetString, value));
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function keyIdentifier(key: KeyObject): Uint8Array {
  const [spki] = readElements(spkiOf(key)) ?? [];
  const [, bits] = readElements(spki?.content ?? new Uint8Array(0)) ?? [];
  // Without the octet that counts unused bits.
  const point = bits?.content.subarray(1) ?? new Uint8Array(0);
  return createHash('sha256').update(point).digest().subarray(0, KEY_ID_BYTES);
}

interface Template {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly validity: Validity;
  readonly extensions: readonly Uint8Array[];
  /** The private key whose public half is certified. */
  readonly publicOf: KeyObject;
}

function issue(
  random: Random,
  { issuer, subject, validity, extensions, publicOf }: Template,
  key: KeyObject,
): X509Certificate {
  // ECDSA has no parameters (RFC 5758 §3.2).
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const tbs = sequence(
    element(contextTag(0, 'constructed'), integer(Uint8Array.of(VERSION_3))),
    integer(random.bytes(SERIAL_BYTES)),
    algorithm,
    issuer,
    sequence(time(validity.fromEpochMs), time(validity.untilEpochMs)),
    subject,
    spkiOf(publicOf),
    element(contextTag(3, 'constructed'), sequence(...extensions)),
  );
  const signature = sign('sha256', tbs, { key, dsaEncoding: 'der' });
  return new X509Certificate(Buffer.from(sequence(tbs, algorithm, bitString(signature))));
}
