import type { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-problem.ts';

/** Codes for help and version, which commander has printed as requested. */
const PRINTED: ReadonlySet<string> = new Set(['commander.help', 'commander.helpDisplayed', 'commander.version']);

/**
 * Makes the command throw a {@link ConfigError} for an invalid command line, instead of printing commander's message.
 */
export function throwUsageErrors(command: Command): void {
  const names = [command.parent?.name(), command.name()].filter((name) => name !== undefined);
  const remedy = `see ${names.join(' ')} --help`;
  command.configureOutput({ outputError: () => {} });
  command.exitOverride((error) => {
    if (PRINTED.has(error.code)) throw error;
    throw new ConfigError([{ problem: describe(error, command), remedy }], error);
  });
}

function describe({ code, message }: CommanderError, { args, registeredArguments }: Command): string {
  if (code === 'commander.excessArguments') return `unexpected argument '${args[registeredArguments.length]}'`;
  // A suggestion is on its own line.
  return message.replace(/^error: /, '').replace('\n', ' ');
}
