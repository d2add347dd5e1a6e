import { LOG_EVENTS } from '../lib/log-events.ts';

/** By this bin/launch.sh tells which variables it has taken out of the environment: their names, between spaces. */
const REMOVED = 'DNS4TOR_REMOVED';

/**
 * Names of the variables that were set and do not reach dns4tor, since they would weaken what it promises:
 * docs/environment.md. Takes the list of them out of the environment, so that no program that it starts sees it.
 */
export function takeIgnoredVariables(env: Record<string, string | undefined>): readonly string[] {
  const names = env[REMOVED]?.split(' ') ?? [];
  delete env[REMOVED];
  return names.filter((name) => /^[A-Z0-9_]+$/.test(name));
}

/** A line for each, for a person. */
export function renderIgnoredVariables(names: readonly string[]): string {
  const { message } = LOG_EVENTS.variable_ignored;
  return names.map((variable) => `dns4tor: ${message.replace('{variable}', variable)}\n`).join('');
}
