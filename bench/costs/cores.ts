import { availableParallelism, cpus } from 'node:os';
import { runProgram } from '../../test/fixtures/process/run-program.ts';

/** The measured process and the load generator have a core each, so that neither takes the other's CPU time. */
export const MEASURED_CORE = 0;
export const LOADER_CORE = 1;

/** Pins all threads of a process, and those that they start, to one core. */
export async function holdToCore(pid: number, core: number): Promise<void> {
  await runProgram('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)]);
}

/** Describes the machine. @throws Error if it has fewer than two cores */
export function describeMachine(): string {
  const cores = availableParallelism();
  if (cores < 2) throw new Error('a benchmark needs two cores: one for what is measured and one for what loads it');
  return `${cpus()[0]?.model}, ${cores} cores`;
}
