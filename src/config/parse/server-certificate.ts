import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Parsed, type Problem, refuse } from '../config-problem.ts';
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
    const isEncrypted = file.value.includes('ENCRYPTED');
    return isEncrypted
      ? refuse(path, 'holds a key with a passphrase', 'remove it: openssl pkey -in OLD -out NEW')
      : refuse(path, "holds no private key in PEM form ('-----BEGIN PRIVATE KEY-----')");
  }
}

/** Finds what keeps a key and a certificate from being used together. */
export function pairProblems(
  { path, certificate }: CertificateFile,
  { path: keyPath, key }: PrivateKeyFile,
): Problem[] {
  if (new X509Certificate(certificate).checkPrivateKey(key)) return [];
  return [
    {
      problem: `--tls-key: '${keyPath}' does not belong to the first certificate of '${path}'`,
      remedy: "give the key that the certificate was made for, and the server's own certificate first in the file",
    },
  ];
}
