import process from 'node:process';
import { inCheckout, readJson } from './checkout.ts';
import { runTool } from './run-tool.ts';

/** What is packaged. */
export interface Release {
  /** As in package.json. */
  readonly version: string;
  /** Seconds since 1970: the only time in the package, so that the same sources make the same bytes (reproducible-builds.org). */
  readonly sourceDateEpoch: number;
  /** Who packages it, as in `Name <address>`. */
  readonly maintainer: string;
}

/** Those of the checkout: its version and the date of its last commit, unless SOURCE_DATE_EPOCH is set; DEBFULLNAME and DEBEMAIL as for dch(1). */
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
