import { readFileSync } from 'node:fs';

/**
 * Reads the version from package.json, two folders up from here, both in a checkout's src and in the package's dist.
 */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return hasVersion ? String(manifest.version) : 'unknown';
}
