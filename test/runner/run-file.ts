import { spawn } from 'node:child_process';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/lib/clock.ts';

/** No test or suite takes longer on a slow machine. */
const TEST_TIMEOUT_MS = 300_000;

/** Ends a file whose tests are over but whose process keeps running. */
const FILE_TIMEOUT_MS = 900_000;

const COMPILE_CACHE = new URL('compile-cache.js', import.meta.url).href;
const RESULTS_REPORTER = fileURLToPath(new URL('results-reporter.js', import.meta.url));

/** The totals with which the `spec` reporter ends each file; `npm test` prints them once, for all files. */
const TOTALS = /^ℹ (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+\n/gm;

/** One finished test, as results-reporter.js writes it. */
export interface TestResult {
  readonly name: string;
  readonly durationMs: number;
  readonly outcome: 'passed' | 'failed' | 'skipped';
}

export interface FileResult {
  /** Relative to the checkout. */
  readonly file: string;
  readonly passed: boolean;
  readonly tests: readonly TestResult[];
  readonly durationMs: number;
  /** What the `spec` reporter and the tests wrote. */
  readonly output: string;
}

export interface TestRun {
  /** Relative to the checkout. */
  readonly file: string;
  /** Options of Node's test runner, such as `--test-name-pattern`. */
  readonly options: readonly string[];
  /** Programs that the file may run. */
  readonly programs: readonly string[];
  /** Lets other processes have the CPU first. */
  readonly isPatient: boolean;
}

/** Test files that run at this moment, which a signal ends. */
export class RunningFiles {
  readonly #children = new Set<ReturnType<typeof spawn>>();

  end(): void {
    for (const child of this.#children) child.kill('SIGTERM');
  }

  /** Runs one test file in its own process. */
  async run({ file, options, programs, isPatient }: TestRun): Promise<FileResult> {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'dns4tor-results-'));
    const resultsPath = join(directory.path, 'results');
    const startedAtMs = systemClock.now();
    // Without `--test`, which would start a second process just to watch the first.
    const args = [
      `--import=${COMPILE_CACHE}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${RESULTS_REPORTER}`,
      `--test-reporter-destination=${resultsPath}`,
      ...options,
      file,
    ];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TEST_PROGRAMS: programs.join(' ') },
    });
    if (isPatient && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    this.#children.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const timer = systemClock.schedule(FILE_TIMEOUT_MS, () => {
      output += `\n${file} did not end within ${FILE_TIMEOUT_MS / 1000} s.\n`;
      child.kill('SIGKILL');
    });
    const { promise: ended, resolve } = Promise.withResolvers<number | null>();
    child.on('error', (error) => {
      output += `${error.message}\n`;
      resolve(null);
    });
    child.on('close', resolve);
    const status = await ended;
    timer.cancel();
    this.#children.delete(child);
    return {
      file,
      passed: status === 0,
      tests: await readResults(resultsPath),
      durationMs: systemClock.now() - startedAtMs,
      output: output.replace(TOTALS, ''),
    };
  }
}

/** Empty for a file that ended before its first test. */
async function readResults(path: string): Promise<TestResult[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TestResult);
}
