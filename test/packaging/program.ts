import { createProgram } from '../../src/cli/main.ts';
import { Reporter } from '../../src/cli/reporter.ts';
import { describeProgram, type ProgramModel } from '../../packaging/commands.ts';

/** dns4tor's own commands, as manual pages and completions are made from them. */
export function ownProgram(): ProgramModel {
  return describeProgram(createProgram(new Reporter()));
}
