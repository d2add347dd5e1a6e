import process from 'node:process';
import { Dns4torError } from '../../failures/errors.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/random.ts';
import { runCommand } from '../../system/command.ts';
import type { Machine } from '../../system/machine.ts';
import { createFileSystem } from '../../system/transaction/file-system.ts';
import { createChecks } from './install-checks.ts';

/** Warns that `settle` has made dns4tor the resolver again, but that names are not resolved yet. */
export const UNRESOLVED_WARNING = 'dns4tor: names are not resolved yet. Is Tor connected on this network?\n';

/**
 * The machine that this process runs on.
 *
 * @param probeDomain see {@link createChecks}
 */
export function thisMachine(probeDomain?: string): Machine {
  const [, script = ''] = process.argv;
  return {
    fs: createFileSystem(),
    run: runCommand,
    clock: systemClock,
    pid: process.pid,
    isAlive,
    // Without the flags of this Node, which a later version may not know. dist/launch/dns4tor.js adds those that it
    // needs.
    self: [process.execPath, script],
    checks: createChecks(systemClock, systemRandom, probeDomain),
    warn: (sentence) => process.stderr.write(`dns4tor: ${sentence}\n`),
  };
}

/** @throws {Dns4torError} ERR_SYSTEM_ROOT */
export function requireRoot(command: string): void {
  if (process.geteuid?.() !== 0) throw new Dns4torError('ERR_SYSTEM_ROOT', `dns4tor ${command}`);
}

/** kill(2) with signal 0 only checks. It never fails for want of permission, since this runs as root. */
function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}
