// Run by ../run.js with this checkout's Node: runs test files side by side, those that need nothing but Node first.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { debianPackages, installPrograms, ROOT, runScript } from '../../scripts/prepare.js';
import { ProgramFinder } from '../../scripts/programs.js';
import { systemClock } from '../../src/lib/clock.ts';
import { allTestFiles, isRoot, NEEDS_ROOT, namedTestFiles } from './files.ts';
import { byDuration, isQuick, loadOf } from './load.ts';
import { type FileResult, RunningFiles } from './run-file.ts';
import { runJobs } from './scheduler.ts';
import { formatSummary, seconds } from './summary.ts';

/** Packages that every Debian with Node has. */
const ESSENTIAL_PACKAGES = new Set([
  'apt',
  'bash',
  'bsdutils',
  'coreutils',
  'dpkg',
  'libc-bin',
  'mount',
  'perl-base',
  'util-linux',
]);

await runScript(async () => {
  const args = process.argv.slice(2);
  const options = args.filter((argument) => argument.startsWith('-'));
  const named = args.filter((argument) => !argument.startsWith('-'));
  const files = named.length > 0 ? await namedTestFiles(ROOT, named) : await allTestFiles(ROOT);

  const packages = debianPackages();
  const finder = new ProgramFinder(Object.keys(packages));
  const programs = new Map(files.map((file) => [file, [...finder.programsOf(join(ROOT, file))]]));
  const programsOf = (file: string): readonly string[] => programs.get(file) ?? [];
  const needsOnlyNode = (file: string): boolean =>
    programsOf(file).every((program) => ESSENTIAL_PACKAGES.has(packages[program] ?? ''));

  const running = new RunningFiles();
  let isStopped = false;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      isStopped = true;
      running.end();
    });
  }
  const startedAtMs = systemClock.now();
  const results: FileResult[] = [];
  const runAll = (tier: readonly string[]): Promise<void> =>
    runJobs(
      byDuration(tier).map((file) => ({
        ...loadOf(file),
        run: () => running.run({ file, options, programs: programsOf(file), isPatient: loadOf(file).patient === true }),
      })),
      availableParallelism(),
      (result) => {
        results.push(result);
        process.stdout.write(`${result.passed ? '✔' : '✖'} ${result.file} (${seconds(result.durationMs)} s)\n`);
        process.stdout.write(result.output.replace(/^(?=.)/gm, '  '));
      },
      () => isStopped,
    );

  const first = files.filter((file) => isQuick(file) && needsOnlyNode(file));
  const rest = files.filter((file) => !first.includes(file));
  await runAll(first);
  if (rest.length > 0 && !isStopped) {
    if (first.length > 0) process.stdout.write(`\n${formatSummary(results, systemClock.now() - startedAtMs)}\n\n`);
    installPrograms(new Set(rest.flatMap(programsOf)));
    await runAll(rest);
  }
  process.stdout.write(`\n${formatSummary(results, systemClock.now() - startedAtMs)}\n`);
  if (named.length === 0 && !isRoot()) process.stdout.write(`Not run, because it needs root: ${NEEDS_ROOT}\n`);
  return isStopped || results.some(({ passed }) => !passed) ? 1 : 0;
});
