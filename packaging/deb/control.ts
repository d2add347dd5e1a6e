import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { BYTES_PER_KIB } from '../../src/lib/units.ts';
import { inCheckout, readJson } from './checkout.ts';
import { debianArchitecture, debianVersion } from './debian-names.ts';
import { findLibraries } from './libraries.ts';
import type { Release } from './release.ts';
import { listEntries, PROGRAM_MODE, readStaged, type Staging } from './staging.ts';

const SCRIPTS = ['postinst', 'prerm', 'postrm'] as const;

const DESCRIPTION = ` dns4tor answers DNS queries on this machine from a cache. It forwards other
 queries as DNS over HTTPS to a resolver that is an onion service. Everything
 goes through Tor: no plain DNS, no direct connection, no fallback resolver.
 .
 The service listens on the loopback addresses, port 53. The machine keeps its
 present resolver until "dns4tor install" is run.
`;

/** Adds the control files in DEBIAN/. The rest of the tree must be complete. */
export async function stageControl(staging: Staging, release: Release): Promise<void> {
  const control = await renderControl(staging, release);
  const sums = await renderMd5sums(staging);
  await staging.write('DEBIAN/control', control);
  await staging.write('DEBIAN/md5sums', sums);
  await staging.write('DEBIAN/conffiles', '/etc/dns4tor.toml\n');
  for (const script of SCRIPTS) {
    await staging.write(`DEBIAN/${script}`, await readFile(inCheckout('packaging/deb', script), 'utf8'), PROGRAM_MODE);
  }
}

async function renderControl(staging: Staging, release: Release): Promise<string> {
  const { description } = await readJson<{ readonly description: string }>('package.json');
  return [
    'Package: dns4tor',
    `Version: ${debianVersion(release.version)}`,
    `Architecture: ${debianArchitecture()}`,
    `Maintainer: ${release.maintainer}`,
    `Installed-Size: ${await installedKiB(staging.root)}`,
    `Depends: ${['tor', ...(await findLibraries(staging))].join(', ')}`,
    'Section: net',
    'Priority: optional',
    `Description: ${description.replace(/^A /, '')}`,
    DESCRIPTION,
  ].join('\n');
}

/** Computes Installed-Size like dpkg-gencontrol(1): each file in whole KiB, and 1 KiB for any other entry. */
async function installedKiB(root: string): Promise<number> {
  const entries = await listEntries(root);
  return entries.reduce((sum, { isFile, bytes }) => sum + (isFile ? Math.ceil(bytes / BYTES_PER_KIB) : 1), 0);
}

/** Generates deb-md5sums(5), which debsums(1) checks. */
async function renderMd5sums(staging: Staging): Promise<string> {
  const files = (await listEntries(staging.root)).filter(({ path, isFile }) => isFile && !path.startsWith('etc/'));
  const lines = await Promise.all(
    files.map(async ({ path }) => {
      const sum = createHash('md5')
        .update(await readStaged(staging.root, path))
        .digest('hex');
      return `${sum}  ${path}\n`;
    }),
  );
  return lines.join('');
}
