import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, residentBytes, toMiB } from '../../fixtures/process/process-usage.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { assertUnharmed, metric } from '../daemon-health.ts';
import type { EncryptedLab } from './encrypted-lab.ts';
import { askHonestly, HONEST_TRANSPORTS, type Served } from './honest-clients.ts';

/** Far longer than the idle time of the lab. */
export const ENDED_TIMEOUT_MS = 10_000;
/** How long a slow attack is watched. It goes on beside those that follow. */
export const WATCHED_MS = 400;

/** Bound on the growth of the daemon's memory during an attack. Most of it is garbage that V8 has not collected. */
const MAX_GROWTH_BYTES = 64 * 2 ** 20;

/** At least as many rounds of one query per transport are begun, and more while the attack goes on. */
const ROUNDS = 3;
const ROUND_EVERY_MS = 100;
const SAMPLE_EVERY_MS = 25;
const CLOSED_TIMEOUT_MS = 15_000;

/** The server as honest clients see it. */
export function servedBy({ daemon, ports, ca }: EncryptedLab): Served {
  return { port: daemon.port, ports, ca };
}

/**
 * Runs an attack. Meanwhile clients ask over DoH, DoT and UDP. Asserts that each is answered, that the daemon's memory
 * stays within bounds, and that its log shows no defect.
 *
 * @param attack resolves when it has had its effect
 */
export async function assertServedUnder(
  t: TestContext,
  lab: EncryptedLab,
  attack: () => Promise<void>,
  served: Served = servedBy(lab),
): Promise<void> {
  const { pid } = lab.daemon.process;
  const [before, cpuBefore] = [await residentBytes(pid), await cpuSeconds(pid)];
  let peak = before;
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      peak = Math.max(peak, await residentBytes(pid));
      await sleep(SAMPLE_EVERY_MS);
    }
  };
  const watching = watch();
  const attacking = attack().finally(() => over.abort());
  const outcomes: Promise<string>[] = [];
  for (let round = 0; round < ROUNDS || !over.signal.aborted; round++) {
    for (const transport of HONEST_TRANSPORTS) {
      outcomes.push(askHonestly(transport, served).then((rcode) => `${transport}: ${rcode}`));
    }
    await sleep(ROUND_EVERY_MS);
  }
  await attacking;
  await watching;
  const answers = await Promise.all(outcomes);
  peak = Math.max(peak, await residentBytes(pid));
  const cpu = (await cpuSeconds(pid)) - cpuBefore;
  t.diagnostic(
    `${answers.length} honest queries; RSS ${toMiB(before)}, at most ${toMiB(peak)}; ${cpu.toFixed(2)} s of CPU`,
  );
  assert.deepEqual(
    [...new Set(answers)].toSorted(),
    HONEST_TRANSPORTS.map((transport) => `${transport}: NOERROR`),
  );
  assert.ok(peak - before < MAX_GROWTH_BYTES, `grew by ${toMiB(peak - before)}`);
  await assertUnharmed(lab.daemon);
}

/** Asserts that the daemon has closed all connections. */
export async function assertNoConnections({ daemon }: EncryptedLab): Promise<void> {
  await waitUntil('all connections are closed', CLOSED_TIMEOUT_MS, async () => {
    return (await metric(daemon, 'dns4tor_tcp_connections')) === 0;
  });
}
