import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli } from '../../cli/run-cli.ts';
import type { ServerCertificate } from '../../fixtures/certificates.ts';
import type { Policies } from '../policies.ts';

/** PEM files of a certificate and its key. */
export type CertificateFiles = Pick<ServerCertificate, 'certificatePath' | 'keyPath'>;

/** The files that `dns4tor certificate` makes. */
export interface MadeCertificate {
  /** For dns4tor. */
  readonly server: CertificateFiles;
  /** The certificate authority. */
  readonly authority: CertificateFiles;
  /** Policies of Firefox, which also trusts the authority of the sites. */
  firefoxPolicies(siteAuthority: string): Promise<Policies>;
  /** Policies of Chromium, which also trusts the authority of the sites. */
  chromiumPolicies(siteAuthority: string): Promise<Policies>;
}

/** Makes a certificate for an address as users do. */
export async function makeCertificate(directory: string, address: string): Promise<MadeCertificate> {
  const { code, stderr } = await runCli(['certificate', address, '--directory', directory]);
  assert.equal(code, 0, stderr);
  const at = (name: string): string => join(directory, name);
  const read = async (name: string) => JSON.parse(await readFile(at(name), 'utf8'));
  return {
    server: { certificatePath: at('cert.pem'), keyPath: at('key.pem') },
    authority: { certificatePath: at('ca.pem'), keyPath: at('ca-key.pem') },
    async firefoxPolicies(siteAuthority) {
      const file = await read('policies.json');
      file.policies.Certificates.Install.push(siteAuthority);
      return { 'firefox/policies/policies.json': file };
    },
    async chromiumPolicies(siteAuthority) {
      const file = await read('chromium.json');
      file.CACertificates.push(new X509Certificate(await readFile(siteAuthority)).raw.toString('base64'));
      return { 'chromium/policies/managed/dns4tor.json': file };
    },
  };
}
