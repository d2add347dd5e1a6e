import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runJobs } from './scheduler.ts';

interface TestJob {
  readonly name: string;
  readonly cores: number;
  readonly run: () => Promise<string>;
  readonly end: () => void;
}

function createJobs(cores: Readonly<Record<string, number>>): { jobs: TestJob[]; started: string[] } {
  const started: string[] = [];
  const jobs = Object.entries(cores).map(([name, ofJob]) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const run = (): Promise<string> => {
      started.push(name);
      return promise;
    };
    return { name, cores: ofJob, run, end: () => resolve(name) };
  });
  return { jobs, started };
}

/** Ends the jobs in this order, and returns the started jobs after each. */
async function startedAfterEach(
  cores: Readonly<Record<string, number>>,
  order: readonly string[],
  isStopped = (): boolean => false,
): Promise<string[][]> {
  const { jobs, started } = createJobs(cores);
  const ended: string[] = [];
  const all = runJobs(jobs, 2, (name) => ended.push(name), isStopped);
  const seen = [[...started]];
  for (const name of order) {
    jobs.find((job) => job.name === name)?.end();
    await new Promise((resolve) => setImmediate(resolve));
    seen.push([...started]);
  }
  await all;
  assert.deepEqual(ended, order);
  return seen;
}

test('jobs run side by side as long as they need no more cores than there are', async () => {
  assert.deepEqual(await startedAfterEach({ a: 1, b: 1, c: 1 }, ['b', 'a', 'c']), [
    ['a', 'b'],
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ]);
});

test('a job that does not fit is overtaken by a smaller one', async () => {
  assert.deepEqual(await startedAfterEach({ a: 1.5, b: 1, c: 0.5 }, ['a', 'c', 'b']), [
    ['a', 'c'],
    ['a', 'c', 'b'],
    ['a', 'c', 'b'],
    ['a', 'c', 'b'],
  ]);
});

test('a job that needs more cores than there are runs alone', async () => {
  assert.deepEqual(await startedAfterEach({ a: 0.5, b: 3, c: 0.5 }, ['a', 'c', 'b']), [
    ['a', 'c'],
    ['a', 'c'],
    ['a', 'c', 'b'],
    ['a', 'c', 'b'],
  ]);
});

test('a lane limits how many of its jobs run at a time', async () => {
  const lane = { maxJobs: 1 };
  const { jobs, started } = createJobs({ a: 0.1, b: 0.1, c: 0.1 });
  const all = runJobs(
    jobs.map((job) => (job.name === 'c' ? job : { ...job, lane })),
    2,
    () => {},
  );
  assert.deepEqual(started, ['a', 'c']);
  for (const job of jobs) job.end();
  await all;
  assert.deepEqual(started, ['a', 'c', 'b']);
});

test('once stopped, no job starts any more', async () => {
  let isStopped = false;
  const { jobs, started } = createJobs({ a: 2, b: 2 });
  const all = runJobs(
    jobs,
    2,
    () => {},
    () => isStopped,
  );
  isStopped = true;
  jobs[0]?.end();
  await all;
  assert.deepEqual(started, ['a']);
});

test('a job that rejects ends the run with its error', async () => {
  const failing = { cores: 1, run: () => Promise.reject(new Error('broken')) };
  await assert.rejects(
    runJobs([failing], 2, () => {}),
    /broken/,
  );
});
