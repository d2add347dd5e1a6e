import { createHash, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type DetailedPeerCertificate } from 'node:tls';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import { certificatesOf, signedChain, tbsHash } from './certificate-chain.ts';

/** Identity that the resolver must prove by its certificate. */
export interface TlsIdentity {
  /** Names or IP addresses. The certificate must contain at least one of them. Not empty. */
  readonly names: readonly string[];
  /** Names accepted in addition when Tor is known to carry the connection. */
  readonly namesThroughTor: readonly string[];
  /** Pins, one of which the key must match: `sha256/` and the base64 SHA-256 of its SPKI in DER. Empty: any key. */
  readonly pins: readonly string[];
  /** SHA-256 hashes of TBS certificates, in hexadecimal; the chain must have one of them. Empty: any chain. */
  readonly chainHashes: readonly string[];
}

/** Computes the pin of a certificate's key, in the form of `--upstream-pin`. */
function spkiPin(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

/**
 * Checks the names, the pin and the hashes of a certificate whose chain is already trusted. For `tls.connect`'s
 * checkServerIdentity.
 *
 * @param isThroughTor whether Tor is known to carry the connection
 * @param certificate the certificate with its issuers
 * @returns ERR_TLS_NAME, ERR_TLS_PIN or ERR_TLS_STAMP; undefined if the certificate is accepted
 */
export function checkIdentity(
  identity: TlsIdentity,
  isThroughTor: boolean,
  certificate: DetailedPeerCertificate,
): Dns4torError | undefined {
  // Leak mutation: names
  const names = isThroughTor ? [...identity.names, ...identity.namesThroughTor] : identity.names;
  const mismatches = names.map((name) => checkServerIdentity(name, certificate));
  if (mismatches.every((mismatch) => mismatch !== undefined)) {
    return new Dns4torError('ERR_TLS_NAME', `allowed: ${names.join(', ')}`, mismatches[0]);
  }
  if (identity.pins.length > 0) {
    const pin = spkiPin(new X509Certificate(certificate.raw));
    if (!identity.pins.includes(pin)) return new Dns4torError('ERR_TLS_PIN', `the key's pin is ${pin}`);
  }
  if (identity.chainHashes.length === 0) return undefined;
  const found = signedChain(certificate).map(tbsHash);
  if (found.some((hash) => identity.chainHashes.includes(hash))) return undefined;
  return new Dns4torError('ERR_TLS_STAMP', `the hashes of its chain are ${found.join(', ')}`);
}

/**
 * Failures of chain verification, by Node's code: OpenSSL's X509_V_ERR_* without the prefix. `--upstream-ca` can fix
 * only those that map to ERR_TLS_UNTRUSTED.
 */
const CHAIN_CODES: Readonly<Record<string, ErrorCode>> = {
  CERT_NOT_YET_VALID: 'ERR_TLS_VALIDITY',
  CERT_HAS_EXPIRED: 'ERR_TLS_VALIDITY',
  INVALID_PURPOSE: 'ERR_TLS_PURPOSE',
  INVALID_CA: 'ERR_TLS_PURPOSE',
  PATH_LENGTH_EXCEEDED: 'ERR_TLS_PURPOSE',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'ERR_TLS_UNTRUSTED',
  SELF_SIGNED_CERT_IN_CHAIN: 'ERR_TLS_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT: 'ERR_TLS_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'ERR_TLS_UNTRUSTED',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'ERR_TLS_UNTRUSTED',
  CERT_UNTRUSTED: 'ERR_TLS_UNTRUSTED',
};

/** Protocol failures, by Node's code, which Node derives from OpenSSL's reason. */
const PROTOCOL_CODES: Readonly<Record<string, ErrorCode>> = {
  // RFC 7301 §3.2: no common protocol. dns4tor offers only versions of HTTP.
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'ERR_DOH_HTTP_VERSION',
  // RFC 8446 §6.2, protocol_version: sent by a server without TLS 1.3; the second is our rejection of an older version.
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'ERR_TLS_VERSION',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'ERR_TLS_VERSION',
};

/** Node's code for verification errors that it does not name, such as keys below OpenSSL's security level. */
const UNNAMED = 'UNSPECIFIED';
/**
 * Smallest RSA and elliptic-curve keys at OpenSSL's security level 2, Node's default (SSL_CTX_set_security_level(3)):
 * 112 bits of security (NIST SP 800-57, part 1, §5.6.1.1).
 */
const MIN_MODULUS_BITS = 2048;
const MIN_CURVE_BITS = 224;

/**
 * Maps an error of the TLS handshake to a stable code.
 *
 * @param chain the server's certificate and its issuers, if the server sent them
 */
export function toTlsError(error: NodeJS.ErrnoException, chain?: DetailedPeerCertificate): Dns4torError {
  if (error instanceof Dns4torError) return error;
  const { code = '', message } = error;
  const detail = code === '' || code === UNNAMED ? message : code;
  return new Dns4torError(code === UNNAMED ? weaknessOf(chain) : codeOf(code), detail, error);
}

function codeOf(code: string): ErrorCode {
  const known = CHAIN_CODES[code] ?? PROTOCOL_CODES[code];
  if (known !== undefined) return known;
  // Other protocol errors start with ERR_. Errors of system calls are one word that starts with E.
  return /^(ERR_|E[A-Z]+$|$)/.test(code) ? 'ERR_TLS' : 'ERR_TLS_CHAIN';
}

/** Finds the weakness for which OpenSSL rejected a chain, since Node does not name it. */
function weaknessOf(chain: DetailedPeerCertificate | undefined): ErrorCode {
  for (const certificate of certificatesOf(chain)) {
    if (hasSmallKey(certificate)) return 'ERR_TLS_KEY_SIZE';
    // OpenSSL does not check the signature of a self-signed root.
    const isSelfSigned = certificate.subject === certificate.issuer;
    if (!isSelfSigned && /sha-?1\b|md5/i.test(certificate.signatureAlgorithm ?? '')) return 'ERR_TLS_SIGNATURE';
  }
  return 'ERR_TLS_CHAIN';
}

function hasSmallKey(certificate: X509Certificate): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  if (asymmetricKeyType === 'ec') return (certificate.toLegacyObject().bits ?? MIN_CURVE_BITS) < MIN_CURVE_BITS;
  return (asymmetricKeyDetails?.modulusLength ?? MIN_MODULUS_BITS) < MIN_MODULUS_BITS;
}
