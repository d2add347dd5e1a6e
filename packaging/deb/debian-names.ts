import process from 'node:process';

/** Debian's names (`dpkg-architecture -L`) for what Node calls `process.arch`; those for which it is packaged. */
const ARCHITECTURES: Readonly<Record<string, string>> = { arm64: 'arm64', x64: 'amd64' };

/** The architecture of the Node that runs this, which is the one that is packaged. */
export function debianArchitecture(arch: string = process.arch): string {
  const name = ARCHITECTURES[arch];
  if (name === undefined)
    throw new Error(`there is no package for ${arch}, only for ${Object.keys(ARCHITECTURES).join(', ')}`);
  return name;
}

/** deb-version(7): what a hyphen begins is the packager's; a pre-release, which comes before its release, has a tilde. */
export function debianVersion(semver: string): string {
  return semver.replace('-', '~');
}
