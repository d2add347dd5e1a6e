import { availableParallelism, cpus } from 'node:os';
import { runProgram } from '../../test/fixtures/run-program.ts';

/** What is measured has a core, and what loads it another, so that neither takes the other's time. */
export const MEASURED_CORE = 0;
export const LOADER_CORE = 1;

/** Holds all threads of a process, and those that they start, to one core. */
export async function holdToCore(pid: number, core: number): Promise<void> {
  await runProgram('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)]);
}

/** What figures were measured on. @throws Error where there are fewer than two cores */
export function describeMachine(): string {
  const cores = availableParallelism();
  if (cores < 2) throw new Error('a benchmark needs two cores: one for what is measured and one for what loads it');
  return `${cpus()[0]?.model}, ${cores} cores`;
}
