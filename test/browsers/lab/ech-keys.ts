import { generateKeyPairSync } from 'node:crypto';
import { concat, rawU16 } from '../../fixtures/dns/messages.ts';

/** Fields of an ECHConfig (RFC 9849 §4). */
const VERSION = 0xfe0d;
const CONFIG_ID = 1;
const X25519_HKDF_SHA256 = 0x20;
const HKDF_SHA256 = 1;
const AES_128_GCM = 1;
const MAXIMUM_NAME_LENGTH = 64;

/** A PrivateKeyInfo (RFC 5208 §5) with an ECPrivateKey for curve25519, as NSS writes them, around the two keys. */
const BEFORE_PRIVATE_KEY = Buffer.from(
  '3067020100301406072a8648ce3d020106092b06010401da470f01044c304a0201010420',
  'hex',
);
const BEFORE_PUBLIC_KEY = Buffer.from('a123032100', 'hex');

/** The keys of a server with Encrypted Client Hello (RFC 9849). */
export interface EchKeys {
  /** An ECHConfigList in base64, as in the SvcParam `ech` of an HTTPS record. */
  readonly configs: string;
  /** The value of `selfserv -X`: the private key and the ECHConfigList. */
  readonly server: string;
}

/** @param publicName the name that clients send in the clear */
export function createEchKeys(publicName: string): EchKeys {
  const { x = '', d = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const [publicKey, privateKey] = [Buffer.from(x, 'base64url'), Buffer.from(d, 'base64url')];
  const contents = concat(
    Uint8Array.of(CONFIG_ID),
    rawU16(X25519_HKDF_SHA256),
    withLength(publicKey),
    withLength(rawU16(HKDF_SHA256, AES_128_GCM)),
    Uint8Array.of(MAXIMUM_NAME_LENGTH, publicName.length),
    Buffer.from(publicName, 'latin1'),
    // No extensions.
    rawU16(0),
  );
  const configs = withLength(concat(rawU16(VERSION), withLength(contents)));
  const server = concat(withLength(concat(BEFORE_PRIVATE_KEY, privateKey, BEFORE_PUBLIC_KEY, publicKey)), configs);
  return { configs: Buffer.from(configs).toString('base64'), server: Buffer.from(server).toString('base64') };
}

function withLength(bytes: Uint8Array): Uint8Array {
  return concat(rawU16(bytes.length), bytes);
}
