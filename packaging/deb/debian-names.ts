import process from 'node:process';

/** Debian's name (`dpkg-architecture -L`) of each supported `process.arch`. */
const ARCHITECTURES: Readonly<Record<string, string>> = { arm64: 'arm64', x64: 'amd64' };

/** Returns Debian's name of the present Node's architecture, since that Node is packaged. */
export function debianArchitecture(arch: string = process.arch): string {
  const name = ARCHITECTURES[arch];
  if (name === undefined)
    throw new Error(`${arch} is not supported; build on one of ${Object.keys(ARCHITECTURES).join(', ')}`);
  return name;
}

/** Converts a version to deb-version(7): a tilde marks a pre-release, because a hyphen begins the Debian revision. */
export function debianVersion(semver: string): string {
  return semver.replace('-', '~');
}
