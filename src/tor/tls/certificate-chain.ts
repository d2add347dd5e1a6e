import { createHash, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';

/** A server's certificate and those that Node found as its issuers, from the server or the trusted ones. */
export function certificatesOf(chain: DetailedPeerCertificate | undefined): readonly X509Certificate[] {
  const certificates: X509Certificate[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  // Node returns an empty object if there is no certificate. A root is its own issuer.
  for (let link = chain; link?.raw !== undefined && !seen.has(link); link = link.issuerCertificate) {
    seen.add(link);
    certificates.push(new X509Certificate(link.raw));
  }
  return certificates;
}

/**
 * The first certificates of a chain, each signed by the authority after it. Node finds issuers by name alone, and the
 * chain that OpenSSL verified may be another one. So a server can put any public certificate into this chain, but not
 * behind one that it did not sign.
 */
export function signedChain(chain: DetailedPeerCertificate): readonly X509Certificate[] {
  const certificates = certificatesOf(chain);
  const unsigned = certificates.findIndex((certificate, index) => {
    const issuer = certificates[index + 1];
    return issuer === undefined || !issuer.ca || !certificate.verify(issuer.publicKey);
  });
  return certificates.slice(0, unsigned + 1);
}

/** Tag and length of a DER element whose length has the short form; a long form has this many bytes more. */
const DER_HEADER_BYTES = 2;
const DER_LONG_FORM = 0x80;

/**
 * The SHA-256 hash, in hexadecimal, of a certificate's TBSCertificate (RFC 5280 §4.1): all but the signature. DNS
 * stamps name certificates so.
 */
export function tbsHash({ raw }: X509Certificate): string {
  const start = contentOffset(raw, 0);
  const content = contentOffset(raw, start);
  const lengthBytes = content - start - DER_HEADER_BYTES;
  const length = lengthBytes === 0 ? (raw[start + 1] as number) : raw.readUIntBE(start + DER_HEADER_BYTES, lengthBytes);
  return createHash('sha256')
    .update(raw.subarray(start, content + length))
    .digest('hex');
}

/** Where the content of a DER element begins (X.690 §8.1.3). */
function contentOffset(der: Uint8Array, offset: number): number {
  const length = der[offset + 1] as number;
  return offset + DER_HEADER_BYTES + (length < DER_LONG_FORM ? 0 : length & ~DER_LONG_FORM);
}
