import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { TlsConfig } from '../config.ts';
import { locate, type Parsed, type Problem, refuse } from '../config-problem.ts';
import { privacyProblems, readCertificates, readSmallFile } from '../files.ts';

/** A file with a certificate chain. */
export interface CertificateFile {
  readonly path: string;
  /** In PEM form, the server's own certificate first. */
  readonly certificate: string;
}

/** A file with a private key. */
export interface PrivateKeyFile {
  readonly path: string;
  /** A KeyObject, so that no log, error or JSON can show it. */
  readonly key: KeyObject;
}

/** Reads the certificate chain of a server. */
export function readServerCertificate(path: string): Parsed<CertificateFile> {
  const read = readCertificates(path);
  return 'problem' in read ? read : { value: { path, certificate: read.value } };
}

/** Reads a private key in PEM form, which no other user may be able to read. */
export function readPrivateKey(path: string): Parsed<PrivateKeyFile> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  const [problem] = privacyProblems(path);
  if (problem !== undefined) return refuse(path, problem.problem, problem.remedy);
  try {
    return { value: { path, key: createPrivateKey(file.value) } };
  } catch {
    // Leak mutation: key
    // The header of PKCS #8 (RFC 7468 §11), or the Proc-Type line of older formats (RFC 1421 §4.6.1.1).
    const isEncrypted = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(file.value);
    return isEncrypted
      ? refuse(path, 'holds a key with a passphrase', 'remove it: openssl pkey -in OLD -out NEW')
      : refuse(path, "holds no private key in PEM form ('-----BEGIN PRIVATE KEY-----')");
  }
}

/** Finds what keeps a certificate and a key from being used together. */
export function pairProblems(
  { path, certificate }: CertificateFile,
  { path: keyPath, key }: PrivateKeyFile,
): Problem[] {
  if (!new X509Certificate(certificate).checkPrivateKey(key)) {
    return [
      {
        problem: `--tls-key: '${keyPath}' does not belong to the first certificate of '${path}'`,
        remedy: "give the key that the certificate was made for, and the server's own certificate first in the file",
      },
    ];
  }
  try {
    createSecureContext({ cert: certificate, key: key.export({ type: 'pkcs8', format: 'pem' }) });
    return [];
  } catch {
    // OpenSSL's security level refuses short keys (SSL_CTX_set_security_level(3)).
    return [
      {
        problem: `--tls-cert: TLS does not take the certificate of '${path}', whose key is too weak`,
        remedy: 'use a P-256 key, or RSA with at least 2048 bits; `dns4tor certificate` makes both files',
      },
    ];
  }
}

/** Reads a certificate chain and its key, as `--tls-cert` and `--tls-key` name them. */
export function readCertificateAndKey(certificatePath: string, keyPath: string): Parsed<TlsConfig> {
  const chain = readServerCertificate(certificatePath);
  if ('problem' in chain) return locate('--tls-cert', chain);
  const key = readPrivateKey(keyPath);
  if ('problem' in key) return locate('--tls-key', key);
  const [problem] = pairProblems(chain.value, key.value);
  return problem ?? { value: toTlsConfig(chain.value, key.value) };
}

/** A certificate chain and its key, which were found to belong together. */
export function toTlsConfig(chain: CertificateFile, key: PrivateKeyFile): TlsConfig {
  return { certificatePath: chain.path, certificate: chain.certificate, keyPath: key.path, key: key.key };
}
