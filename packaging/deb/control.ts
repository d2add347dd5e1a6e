import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { inCheckout, readJson } from './checkout.ts';
import { debianArchitecture, debianVersion } from './debian-names.ts';
import type { Release } from './release.ts';
import { findLibraries } from './libraries.ts';
import { listEntries, PROGRAM_MODE, readStaged, type Staging } from './staging.ts';

const BYTES_PER_KIB = 1024;
const SCRIPTS = ['postinst', 'prerm', 'postrm'] as const;

const DESCRIPTION = ` dns4tor answers DNS queries on this machine from a cache, and asks what it does
 not know, as DNS over HTTPS, of a resolver at an onion address. Nothing is ever
 sent past Tor: no plain DNS, no direct connection, no other resolver.
 .
 The service listens on the loopback addresses, port 53, and changes nothing of
 how names are resolved until "dns4tor install" is run.
`;

/** Puts into the tree, which is complete but for this, what tells dpkg about it: DEBIAN/. */
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

/** As dpkg-gencontrol(1) reckons: each file in whole KiB, and one for whatever else there is. */
async function installedKiB(root: string): Promise<number> {
  const entries = await listEntries(root);
  return entries.reduce((sum, { isFile, bytes }) => sum + (isFile ? Math.ceil(bytes / BYTES_PER_KIB) : 1), 0);
}

/** deb-md5sums(5), for debsums(1). */
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
