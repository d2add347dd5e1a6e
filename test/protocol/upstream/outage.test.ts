import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureText } from '../../../src/failures/failures.ts';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { dropConnection } from '../../fixtures/dns/doh-behaviours.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { cpuSeconds, holdYoungGenerationSmall, residentBytes, toMiB } from '../../fixtures/process/process-usage.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { assertUnharmed, metric } from '../daemon-health.ts';
import { readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';

/** Sent at once, and again as soon as all are answered. */
const BATCH = 100;
const BATCHES_IN_PEACE = 30;

/** Of at least 50 ms each: several pauses between attempts to connect, of about 0.25, 0.5, 1, 2 s, … */
const BATCHES_IN_OUTAGE = 60;
const OUTAGE_PATIENCE_MS = 30_000;
/** The longest pause between two attempts is four seconds while clients send queries. The attempt takes time too. */
const RECOVERY_PATIENCE_MS = 15_000;

/** Per circuit, of three: two in a row that make an outage, and one after each of about six pauses. */
const MOST_CONNECTIONS = 3 * (2 + 6);

const MAX_GROWTH_BYTES = 48 * 2 ** 20;

test('an upstream that drops every connection under load causes no reconnect storm, costs no more CPU time or memory than a working one, and is found again', async (t) => {
  holdYoungGenerationSmall();
  // The default number of circuits.
  await using running = await startBehindDouble(GOOD, '--circuits', '3');
  const { daemon, upstream } = running;
  const { pid } = daemon.process;
  await daemon.answers();
  await using client = await UdpClient.open(daemon.port);
  let asked = 0;
  const askBatch = async (): Promise<string[]> => {
    const replies = Array.from({ length: BATCH }, () => client.ask({ name: `n${asked++}.dns4tor-lab.net`, edns: {} }));
    return (await Promise.all(replies)).map((reply) => {
      const { rcode, ede } = readReply(reply);
      return ede === undefined ? rcode : `${rcode} ${ede.text}`;
    });
  };
  /** Number of queries meanwhile, and their CPU time in the daemon. */
  const measure = async (load: () => Promise<void>): Promise<{ queries: number; cpu: number }> => {
    const [askedBefore, cpuBefore] = [asked, await cpuSeconds(pid)];
    await load();
    return { queries: asked - askedBefore, cpu: (await cpuSeconds(pid)) - cpuBefore };
  };

  const peace = await measure(async () => {
    for (let i = 0; i < BATCHES_IN_PEACE; i++) assert.deepEqual([...new Set(await askBatch())], ['NOERROR']);
  });
  const residentBefore = await residentBytes(pid);
  const connectionsBefore = upstream.connections;

  upstream.behaviour = dropConnection;
  upstream.closeConnections();
  const outcomes = new Set<string>();
  let batches = 0;
  const outage = await measure(() =>
    waitUntil('the outage has lasted', OUTAGE_PATIENCE_MS, async () => {
      for (const outcome of await askBatch()) outcomes.add(outcome);
      return ++batches === BATCHES_IN_OUTAGE;
    }),
  );
  const attempts = upstream.connections - connectionsBefore;
  const residentAfter = await residentBytes(pid);
  t.diagnostic(
    `${outage.queries} queries and ${attempts} connections in the outage, RSS before ${toMiB(residentBefore)}, after ${toMiB(residentAfter)}`,
  );
  const costOf = ({ queries, cpu }: { queries: number; cpu: number }): number => (cpu / queries) * 1e6;
  t.diagnostic(
    `CPU time: ${costOf(peace).toFixed(0)} µs a query before, ${costOf(outage).toFixed(0)} µs in the outage`,
  );
  assert.deepEqual([...outcomes], [`SERVFAIL ${failureText('ERR_UPSTREAM_CONNECTION')}`]);
  assert.ok(attempts <= MOST_CONNECTIONS);
  assert.equal(await metric(daemon, 'dns4tor_upstream_queue_depth'), 0);
  assert.ok(costOf(outage) <= costOf(peace));
  assert.ok(residentAfter - residentBefore < MAX_GROWTH_BYTES);

  upstream.behaviour = GOOD;
  await waitUntil('answers arrive again', RECOVERY_PATIENCE_MS, async () => (await askBatch()).includes('NOERROR'));
  assert.deepEqual([...new Set(await askBatch())], ['NOERROR']);
  await assertUnharmed(daemon);
});
