import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { holdYoungGenerationSmall, residentBytes, toMiB } from '../../fixtures/process/process-usage.ts';
import { assertUnharmed, metric } from '../daemon-health.ts';
import { readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';
import { DENIED, nameOf } from './load.ts';

/** They fill the cache and cause all one-time allocations. */
const FIRST_NAMES = 10_000;
const NAMES = 50_000;
const AT_A_TIME = 100;

/** The default of --cache-size. */
const CACHE_BYTES = 16 * 2 ** 20;
/** Margin for uncollected garbage. A leak of 1 kB per name would be 39 MiB. */
const MARGIN_BYTES = 16 * 2 ** 20;

const HOT = 'hot.dns4tor-lab.net';
const HOT_DENIED = 'denied.dns4tor-lab.net';

test(`${NAMES} random names do not grow the daemon's memory, and recurring names are not sent upstream again`, async (t) => {
  holdYoungGenerationSmall();
  await using running = await startBehindDouble((request) =>
    nameOf(request.query) === HOT ? GOOD(request) : DENIED(request),
  );
  const { daemon, upstream } = running;
  const { pid } = daemon.process;
  await daemon.answers();
  await using client = await UdpClient.open(daemon.port);
  const rcodeOf = async (name: string): Promise<string> => readReply(await client.ask({ name })).rcode;
  const askNow = async (): Promise<void> => {
    assert.equal(await rcodeOf(HOT), 'NOERROR');
    assert.equal(await rcodeOf(HOT_DENIED), 'NXDOMAIN');
  };
  const flood = async (first: number, end: number): Promise<void> => {
    for (let start = first; start < end; start += AT_A_TIME) {
      const replies = Array.from({ length: AT_A_TIME }, (_, i) =>
        client.ask({ name: `n${start + i}.dns4tor-lab.net` }),
      );
      for (const reply of await Promise.all(replies)) assert.equal(readReply(reply).rcode, 'NXDOMAIN');
      if (start % 1000 === 0) await askNow();
    }
  };

  const cold = await residentBytes(pid);
  await askNow();
  await flood(0, FIRST_NAMES);
  const before = await residentBytes(pid);
  await flood(FIRST_NAMES, NAMES);
  const after = await residentBytes(pid);
  t.diagnostic(
    `RSS at start ${toMiB(cold)}, after ${FIRST_NAMES} names ${toMiB(before)}, after ${NAMES} ${toMiB(after)}`,
  );
  assert.ok(after - before < CACHE_BYTES + MARGIN_BYTES);

  assert.ok((await metric(daemon, 'dns4tor_cache_bytes')) <= CACHE_BYTES);
  const asked = upstream.requests.map(({ query }) => nameOf(query));
  assert.deepEqual(
    [HOT, HOT_DENIED].map((hot) => asked.filter((name) => name === hot).length),
    [1, 1],
  );
  assert.equal(asked.filter((name) => name.startsWith('n')).length, NAMES);
  await assertUnharmed(daemon);
});
