import { toDns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { fail, type Verdict } from './check-verdict.ts';
import type { Facts } from './facts.ts';

/** One check of `dns4tor check`. */
export interface Check {
  /** Stable, since programs look results up by it. */
  readonly id: string;
  /** Distinguishes checks with the same ID, such as the URL of a resolver. */
  readonly subject?: string;
  /** May reject, which makes the check fail. */
  readonly run: (facts: Facts) => Promise<Verdict>;
}

/** The verdict of one check. */
export interface Result extends Verdict {
  readonly id: string;
  readonly subject?: string;
}

/** More than the longest check takes: two attempts to reach a resolver, and its answer. */
const TIMEOUT_MS = 75_000;

/**
 * Runs all checks concurrently, for at most 75 s.
 *
 * @param onProgress receives the checks that are still running, at the start and whenever one has ended
 * @returns the results, in the order of the checks
 */
export async function runChecks(
  checks: readonly Check[],
  facts: Facts,
  clock: Clock,
  onProgress: (running: readonly Check[]) => void,
): Promise<readonly Result[]> {
  const deadline = Deadline.after(clock, TIMEOUT_MS);
  const running = new Set(checks);
  onProgress([...running]);
  return Promise.all(
    checks.map(async (check) => {
      const verdict = await deadline.limit(check.run(facts)).catch(toVerdict);
      running.delete(check);
      onProgress([...running]);
      const { id, subject } = check;
      return { id, ...(subject === undefined ? {} : { subject }), ...verdict };
    }),
  );
}

function toVerdict(thrown: unknown): Verdict {
  const error = toDns4torError(thrown);
  if (error.code === 'ERR_DEADLINE') return fail('the check timed out', 'See the other checks, then run it again.');
  // Most likely a file that this user may not read.
  const reason = error.code === 'ERR_INTERNAL' && error.cause instanceof Error ? reasonOf(error.cause) : error.problem;
  return fail(
    `the check could not read the system: ${reason}`,
    'Run it again as root (sudo), which may read everything.',
  );
}

function reasonOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name;
}
