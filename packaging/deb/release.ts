import process from 'node:process';
import { inCheckout, readJson } from './checkout.ts';
import { runTool } from './run-tool.ts';

/** The version to package. */
export interface Release {
  /** Version in package.json. */
  readonly version: string;
  /** In seconds since 1970. The only time in the package, so that builds are reproducible (reproducible-builds.org). */
  readonly sourceDateEpoch: number;
  /** The packager, as `Name <address>`. */
  readonly maintainer: string;
}

/**
 * Reads the version of the checkout and the time of its last commit. SOURCE_DATE_EPOCH, DEBFULLNAME and DEBEMAIL take
 * precedence, as in dch(1).
 */
export async function readRelease(env: NodeJS.ProcessEnv = process.env): Promise<Release> {
  const { version } = await readJson<{ readonly version: string }>('package.json');
  const name = env['DEBFULLNAME'] ?? 'the dns4tor authors';
  return {
    version,
    sourceDateEpoch: Number(env['SOURCE_DATE_EPOCH'] ?? (await dateOfLastCommit())),
    maintainer: `${name} <${env['DEBEMAIL'] ?? 'dns4tor@localhost'}>`,
  };
}

function dateOfLastCommit(): Promise<string> {
  return runTool('git', ['log', '-1', '--format=%ct'], { cwd: inCheckout() });
}
