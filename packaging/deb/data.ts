import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderChangelog } from './changelog.ts';
import { filesOf, inCheckout } from './checkout.ts';
import { renderCopyright } from './copyright.ts';
import { NODE_PROGRAM, strip } from './node-runtime.ts';
import { codeOf, type NpmPackage } from './npm-packages.ts';
import { stageReference } from './reference.ts';
import type { Release } from './release.ts';
import { FILE_MODE, PROGRAM_MODE, type Staging } from './staging.ts';

/** Also in launcher.sh. */
const PROGRAM = 'usr/lib/dns4tor';
const UNITS = 'usr/lib/systemd/system';
/** JSON schema of the configuration file, for editors. */
const SCHEMA = 'usr/share/dns4tor/dns4tor.schema.json';
const DOCUMENTATION = 'usr/share/doc/dns4tor';

const SHEBANG = Buffer.from('#!');

export interface Program {
  /** Absolute path of the bundled program. */
  readonly program: string;
  /** The npm packages whose code is in the program and the page, and those that are installed beside it. */
  readonly bundled: readonly NpmPackage[];
  readonly beside: readonly NpmPackage[];
}

/** Adds all files that the package installs. */
export async function stageData(staging: Staging, release: Release, parts: Program): Promise<void> {
  await stageBinary(staging, NODE_PROGRAM, join(PROGRAM, 'node'), PROGRAM_MODE);
  await stageProgram(staging, release, parts.program);
  for (const npmPackage of parts.beside) await stageNpmPackage(staging, npmPackage);
  await stageUnits(staging);
  await stageDocumentation(staging, release, [...parts.bundled, ...parts.beside]);
  await stageReference(staging, release);
}

async function stageProgram(staging: Staging, { version }: Release, program: string): Promise<void> {
  await staging.write(join(PROGRAM, 'dist/cli/main.cjs'), await readFile(program));
  const files = filesOf('.', 'dist/page/*.{js,css,html,svg}');
  if (files.length === 0) throw new Error('there is no page to package; run `npm run build`');
  for (const file of files) await staging.write(join(PROGRAM, file), await read(file));
  // Without the shebang line, since the launcher runs these files.
  for (const file of ['dist/launch/dns4tor.js', 'dist/launch/launch.sh']) {
    await staging.write(join(PROGRAM, file), (await read(file)).replace(/^#!.*\n/, ''));
  }
  await staging.write('usr/bin/dns4tor', await read('packaging/deb/launcher.sh'), PROGRAM_MODE);
  const manifest = { name: 'dns4tor', version, type: 'module' };
  await staging.write(join(PROGRAM, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

async function stageNpmPackage(staging: Staging, npmPackage: NpmPackage): Promise<void> {
  for (const file of codeOf(npmPackage)) {
    const from = join(npmPackage.path, file);
    const to = join(PROGRAM, from);
    if (file.endsWith('.node')) {
      await stageBinary(staging, inCheckout(from), to, FILE_MODE);
      continue;
    }
    const code = await readFile(inCheckout(from));
    // Skips executables, such as build scripts; they are not modules.
    if (!code.subarray(0, 2).equals(SHEBANG)) await staging.write(to, code);
  }
}

async function stageBinary(staging: Staging, from: string, to: string, mode: number): Promise<void> {
  const target = await staging.place(to);
  await strip(from, target);
  await chmod(target, mode);
}

async function stageUnits(staging: Staging): Promise<void> {
  for (const file of filesOf('systemd', '*.{service,socket}')) {
    // An absolute path, because the first dns4tor in PATH could be one from npm.
    const unit = (await read('systemd', file)).replace(/^ExecStart=dns4tor /m, 'ExecStart=/usr/bin/dns4tor ');
    await staging.write(join(UNITS, file), unit);
  }
  const configuration = await read('systemd/dns4tor.toml');
  await staging.write('etc/dns4tor.toml', configuration.replace(/^#:schema .*$/m, `#:schema file:///${SCHEMA}`));
  await staging.write(SCHEMA, await read('systemd/dns4tor.schema.json'));
}

async function stageDocumentation(staging: Staging, release: Release, packages: readonly NpmPackage[]): Promise<void> {
  await staging.write(join(DOCUMENTATION, 'copyright'), await renderCopyright(packages));
  await staging.writeGzipped(join(DOCUMENTATION, 'changelog.gz'), renderChangelog(await read('CHANGELOG.md'), release));
  for (const page of ['README.md', 'SECURITY.md']) {
    await staging.writeGzipped(join(DOCUMENTATION, `${page}.gz`), await read(page));
  }
  for (const page of filesOf('docs', '*.md')) {
    await staging.writeGzipped(join(DOCUMENTATION, `${page}.gz`), await read('docs', page));
  }
  await stageExamples(staging, 'systemd', 'drop-ins/*.conf');
  await stageExamples(staging, 'contrib', '**/*.{json,yml}');
  await staging.write('usr/share/lintian/overrides/dns4tor', await read('packaging/deb/lintian-overrides'));
}

/** Adds examples (Debian Policy §12.6). */
async function stageExamples(staging: Staging, folder: string, pattern: string): Promise<void> {
  for (const file of filesOf(folder, pattern)) {
    await staging.write(join(DOCUMENTATION, 'examples', file), await read(folder, file));
  }
}

function read(...parts: readonly string[]): Promise<string> {
  return readFile(inCheckout(...parts), 'utf8');
}
