import { describeProgram, type ProgramModel } from '../../packaging/commands.ts';
import { createProgram } from '../../src/cli/main.ts';
import { Reporter } from '../../src/cli/output/reporter.ts';

/** dns4tor's commands, from which manual pages and completions are generated. */
export async function ownProgram(): Promise<ProgramModel> {
  return describeProgram(await createProgram(new Reporter()));
}
