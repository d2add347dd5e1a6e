/** A piece of work and what it needs of the machine. */
export interface Job<T> {
  /** How many cores it keeps busy. A job that needs more than there are runs alone. */
  readonly cores: number;
  /** Limits how many jobs of a kind run at a time. @default none */
  readonly lane?: Lane;
  run(): Promise<T>;
}

export interface Lane {
  readonly maxJobs: number;
}

/**
 * Runs jobs side by side as long as they need no more cores than there are. Jobs start in their order, but one that
 * does not fit yet is overtaken by later ones that do.
 *
 * @param isStopped keeps further jobs from starting
 */
export async function runJobs<T>(
  jobs: readonly Job<T>[],
  cores: number,
  onDone: (result: T) => void,
  isStopped: () => boolean = () => false,
): Promise<void> {
  const waiting = [...jobs];
  const running = new Map<Job<T>, Promise<void>>();
  const fits = ({ cores: needed, lane }: Job<T>): boolean => {
    const others = [...running.keys()];
    const busy = others.reduce((sum, job) => sum + job.cores, 0);
    if (others.length > 0 && busy + needed > cores + ROUNDING) return false;
    return lane === undefined || others.filter((job) => job.lane === lane).length < lane.maxJobs;
  };
  while (waiting.length > 0 || running.size > 0) {
    for (let index = 0; index < waiting.length && !isStopped(); ) {
      const job = waiting[index] as Job<T>;
      if (!fits(job)) {
        index++;
        continue;
      }
      waiting.splice(index, 1);
      const ended = job.run().then((result) => {
        running.delete(job);
        onDone(result);
      });
      running.set(job, ended);
    }
    if (running.size === 0) return;
    await Promise.race(running.values());
  }
}

/** Sums of tenths are not exact. */
const ROUNDING = 1e-9;
