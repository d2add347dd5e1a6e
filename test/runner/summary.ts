import type { FileResult } from './run-file.ts';

const SLOWEST = 20;

/** The end of `npm test`: what failed, the slowest tests with their files, and how many tests there were. */
export function formatSummary(results: readonly FileResult[], durationMs: number): string {
  const failed = results.filter(({ passed }) => !passed);
  const tests = results.flatMap(({ file, tests: ofFile }) => ofFile.map((test) => ({ file, ...test })));
  const count = (outcome: string): number => tests.filter((test) => test.outcome === outcome).length;
  const slowest = tests.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST);
  return [
    ...(failed.length === 0 ? [] : ['Failed:', ...failed.flatMap(failuresOf), '']),
    ...(slowest.length < SLOWEST ? [] : [`The slowest ${SLOWEST} tests:`, ...slowest.map(timeOf), '']),
    `${tests.length} tests in ${results.length} files: ${count('passed')} passed, ${count('failed')} failed, ` +
      `${count('skipped')} skipped. Took ${seconds(durationMs)} s.`,
  ].join('\n');
}

function failuresOf({ file, tests }: FileResult): string[] {
  const failed = tests.filter(({ outcome }) => outcome === 'failed');
  if (failed.length === 0) return [`  ${file}: ended with a failure outside its tests`];
  return failed.map(({ name }) => `  ${file}: ${name}`);
}

function timeOf({ file, name, durationMs }: { file: string; name: string; durationMs: number }): string {
  return `${seconds(durationMs).padStart(7)} s  ${file}: ${name}`;
}

export function seconds(durationMs: number): string {
  return (durationMs / 1000).toFixed(1);
}
