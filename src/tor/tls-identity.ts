import { createHash, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Dns4torError } from '../lib/errors.ts';
import type { ErrorCode } from '../lib/failures.ts';

/** Who the resolver has to be. */
export interface TlsIdentity {
  /** Names (or IP addresses) of which the certificate has to carry at least one. Not empty. */
  readonly names: readonly string[];
  /** Names that do as well, but only where it was certainly Tor that led to the resolver. */
  readonly namesThroughTor: readonly string[];
  /** `sha256/` and the base64 of the SHA-256 of the public key's SPKI in DER; empty for any key. */
  readonly pins: readonly string[];
}

/** The pin of a certificate's key, in the form of `--upstream-pin`. */
export function spkiPin(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

/**
 * What is wrong with a certificate whose chain is trusted already. In the shape of `tls.checkServerIdentity`.
 * @param isThroughTor whether it was certainly Tor that led to the resolver
 */
export function checkIdentity(
  identity: TlsIdentity,
  isThroughTor: boolean,
  certificate: PeerCertificate,
): Dns4torError | undefined {
  const names = isThroughTor ? [...identity.names, ...identity.namesThroughTor] : identity.names;
  const mismatches = names.map((name) => checkServerIdentity(name, certificate));
  if (mismatches.every((mismatch) => mismatch !== undefined)) {
    return new Dns4torError('ERR_TLS_NAME', `allowed: ${names.join(', ')}`, mismatches[0]);
  }
  if (identity.pins.length === 0) return undefined;
  const pin = spkiPin(new X509Certificate(certificate.raw));
  return identity.pins.includes(pin) ? undefined : new Dns4torError('ERR_TLS_PIN', `its pin is ${pin}`);
}

const VALIDITY_CODES: ReadonlySet<string> = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED']);

/** Gives an error of a TLS handshake a code of ours. */
export function toTlsError(error: NodeJS.ErrnoException): Dns4torError {
  if (error instanceof Dns4torError) return error;
  return new Dns4torError(codeOf(error.code ?? ''), error.code ?? error.message, error);
}

function codeOf(code: string): ErrorCode {
  // RFC 7301 §3.2: the server shares no protocol with us, and HTTP/2 is the only one that is ever offered.
  if (code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL') return 'ERR_DOH_HTTP2';
  if (VALIDITY_CODES.has(code)) return 'ERR_TLS_VALIDITY';
  // Node names failures of the chain as OpenSSL's X509_V_ERR_* without that prefix; its other errors here begin with
  // ERR_ (protocol) or are those of system calls, one word after an E.
  return /^(ERR_|E[A-Z]+$|$)/.test(code) ? 'ERR_TLS' : 'ERR_TLS_UNTRUSTED';
}
