import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Daemon } from '../fixtures/process/daemon.ts';
import { sumOf } from './lab.ts';

/** The sum of a metric's time series with these labels. */
export async function metric(daemon: Daemon, name: string, labels?: Readonly<Record<string, string>>): Promise<number> {
  return sumOf((await daemon.page('/metrics')).body, name, labels);
}

/** The daemon's resident set size. */
export async function residentMiB(daemon: Daemon): Promise<number> {
  const status = await readFile(`/proc/${daemon.process.pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}

/**
 * Asserts that no input exposed a defect: the daemon runs, no handler failed, and its log has no stack trace or error.
 */
export async function assertUnharmed(daemon: Daemon): Promise<void> {
  assert.equal((await daemon.page('/healthcheck')).status, 200);
  assert.equal(await metric(daemon, 'dns4tor_dropped_total', { reason: 'handler_failed' }), 0);
  assert.equal(await metric(daemon, 'dns4tor_failures_total', { reason: 'internal' }), 0);
  assert.doesNotMatch(daemon.process.output, /^\s+at |defect|\b(Type|Range|Assertion)?Error\b/m);
}
