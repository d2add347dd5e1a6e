import process from 'node:process';
import { systemClock } from '../src/lib/clock.ts';

const PAUSE_MS = 5000;

/** Writes a progress line to stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Creates a callback that reports progress every few seconds. */
export function createProgress(): (done: number, queries: number) => void {
  let saidAt = systemClock.now();
  return (done, queries) => {
    if (systemClock.now() - saidAt < PAUSE_MS) return;
    saidAt = systemClock.now();
    say(`${(done * 100).toFixed(0).padStart(3)} %  ${queries} queries`);
  };
}
