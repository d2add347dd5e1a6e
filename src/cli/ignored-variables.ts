import { messageOf } from '../log/logger.ts';

/** Set by launch/launch.sh: the names of the environment variables that it removed, separated by spaces. */
const REMOVED = 'DNS4TOR_REMOVED';

/**
 * Returns the names of the variables that were removed because they would weaken the promises of dns4tor
 * (docs/environment.md). Removes the list from the environment, so that child processes do not see it.
 */
export function takeIgnoredVariables(env: Record<string, string | undefined>): readonly string[] {
  const names = env[REMOVED]?.split(' ') ?? [];
  delete env[REMOVED];
  return names.filter((name) => /^[A-Z0-9_]+$/.test(name));
}

/** One warning line per variable. */
export function renderIgnoredVariables(names: readonly string[]): string {
  return names.map((variable) => `dns4tor: ${messageOf('variable_ignored', { variable })}\n`).join('');
}
