import { execFileSync } from 'node:child_process';
import { mkdir, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleProgram } from '../../scripts/compile.js';
import { inCheckout, ROOT } from './checkout.ts';
import { stageControl } from './control.ts';
import { stageData } from './data.ts';
import { debianArchitecture, debianVersion } from './debian-names.ts';
import { readNpmPackages, readPackages, readPagePackages } from './npm-packages.ts';
import type { Release } from './release.ts';
import { runTool } from './run-tool.ts';
import { createStaging } from './staging.ts';

export interface BuildOptions {
  readonly release: Release;
  /** Output directory. */
  readonly folder: string;
  readonly compression: keyof typeof COMPRESSIONS;
}

/** Arguments of dpkg-deb(1). Every release of Debian supports xz. */
const COMPRESSIONS = { small: ['-Zxz'], fast: ['-Zxz', '-z0'], none: ['-Znone'] } as const;

/**
 * Builds the Debian package from the checkout. The program and its npm packages are bundled into one file. The build is
 * reproducible: the same checkout and release yield the same bytes.
 *
 * @returns the path of the package
 */
export async function buildDeb({ release, folder, compression }: BuildOptions): Promise<string> {
  await using temporary = await mkdtempDisposable(join(tmpdir(), 'dns4tor-deb-'));
  await using bundle = await mkdtempDisposable(join(tmpdir(), 'dns4tor-bundle-'));
  const bundled = bundleProgram(runEsbuild, bundle.path);
  const staging = createStaging(temporary.path);
  await stageData(staging, release, {
    program: join(bundle.path, 'main.cjs'),
    bundled: [...(await readPackages(bundled)), ...(await readPagePackages())],
    beside: await readNpmPackages(),
  });
  await stageControl(staging, release);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `dns4tor_${debianVersion(release.version)}_${debianArchitecture()}.deb`);
  await runTool('dpkg-deb', ['--root-owner-group', ...COMPRESSIONS[compression], '--build', staging.root, path], {
    // dpkg-deb sorts the files, and limits their times to this.
    env: { SOURCE_DATE_EPOCH: String(release.sourceDateEpoch) },
  });
  return path;
}

function runEsbuild(args: readonly string[]): void {
  execFileSync(inCheckout('node_modules/.bin/esbuild'), args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
}
