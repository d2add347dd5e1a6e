import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { FILE, type FileChange, MODE } from '../certificate-directory.ts';
import { appleProfile } from './apple-profile.ts';
import { chromiumPolicies, firefoxPolicies } from './browser-policies.ts';
import type { ClientAddresses } from './client-addresses.ts';

/** The files that set clients to the server. People and scripts rely on these names. */
export const CLIENT_FILE = {
  firefox: 'policies.json',
  chromium: 'chromium.json',
  appleHttps: 'dns4tor-https.mobileconfig',
  appleTls: 'dns4tor-tls.mobileconfig',
} as const;

/**
 * Renders the files for clients. A file without a text cannot be made for this server, so one from before is removed.
 * @param directory absolute
 */
export function clientFiles(
  addresses: ClientAddresses,
  authority: X509Certificate,
  directory: string,
): readonly FileChange[] {
  const { url } = addresses;
  const texts = {
    [CLIENT_FILE.firefox]: firefoxPolicies({ url, authority }, join(directory, FILE.authority)),
    [CLIENT_FILE.chromium]: chromiumPolicies({ url, authority }),
    [CLIENT_FILE.appleHttps]: appleProfile(addresses, authority, 'HTTPS'),
    [CLIENT_FILE.appleTls]: appleProfile(addresses, authority, 'TLS'),
  };
  return Object.entries(texts).map(([name, text]) => ({ name, text, mode: MODE.public }));
}
