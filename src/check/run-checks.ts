import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { toDns4torError } from '../failures/errors.ts';
import type { Facts } from './facts.ts';
import { fail, type Verdict } from './check-verdict.ts';

export interface Check {
  /** Stable: programs look for it. */
  readonly id: string;
  /** Which of several of its kind, as the URL of a resolver. */
  readonly subject?: string;
  /** May reject; that is a failed check. */
  readonly run: (facts: Facts) => Promise<Verdict>;
}

export interface Result extends Verdict {
  readonly id: string;
  readonly subject?: string;
}

/** Above what the longest takes, two attempts to reach a resolver and its answer; what needs more hangs. */
const TIMEOUT_MS = 75_000;

/**
 * Runs all checks at once, for 75 s at most.
 *
 * @param onProgress is told of the checks that are still under way, at the beginning and whenever one has ended
 * @returns their results, in the order of the checks
 */
export async function runChecks(
  checks: readonly Check[],
  facts: Facts,
  clock: Clock,
  onProgress: (left: readonly Check[]) => void,
): Promise<readonly Result[]> {
  const deadline = Deadline.after(clock, TIMEOUT_MS);
  const left = new Set(checks);
  onProgress([...left]);
  return Promise.all(
    checks.map(async (check) => {
      const verdict = await deadline.limit(check.run(facts)).catch(toVerdict);
      left.delete(check);
      onProgress([...left]);
      const { id, subject } = check;
      return { id, ...(subject === undefined ? {} : { subject }), ...verdict };
    }),
  );
}

function toVerdict(thrown: unknown): Verdict {
  const error = toDns4torError(thrown);
  if (error.code === 'ERR_DEADLINE')
    return fail('this check came to no end', 'See what the others say, and run it again.');
  // A look at the system that failed: a file that cannot be read, most likely.
  const reason = error.code === 'ERR_INTERNAL' && error.cause instanceof Error ? reasonOf(error.cause) : error.problem;
  return fail(`this could not be looked at: ${reason}`, 'Run it again as root (sudo), who may look at everything.');
}

function reasonOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name;
}
