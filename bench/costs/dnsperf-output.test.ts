import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDnsperf } from './dnsperf-output.ts';

const HEAD = `DNS Performance Testing Tool
Version 2.10.0

[Status] Command line: dnsperf -v -s 127.0.0.1 -p 20000 -d questions
[Status] Sending queries (to 127.0.0.1:20000)
`;

const OUTPUT = `${HEAD}> NOERROR n0.dns4tor-lab.net A 0.000530
> NXDOMAIN d1.dns4tor-lab.net AAAA 0.000111
> NOERROR n2.dns4tor-lab.net HTTPS 0.012091
> T n3.dns4tor-lab.net A
[Status] Testing complete (time limit)

Statistics:

  Queries sent:         4
  Queries completed:    3 (75.00%)
  Queries lost:         1 (25.00%)

  Response codes:       NOERROR 2 (66.67%), NXDOMAIN 1 (33.33%)
  Average packet size:  request 37, response 53
  Run time (s):         0.300109
  Queries per second:   9.996368

  Average Latency (s):  0.000362 (min 0.000015, max 0.008132)
  Latency StdDev (s):   0.000920

`;

test('counts, RCODEs and the rate come from the statistics, percentiles from the lines of the answers', () => {
  assert.deepEqual(parseDnsperf(OUTPUT), {
    sent: 4,
    completed: 3,
    lost: 1,
    rcodes: { NOERROR: 2, NXDOMAIN: 1 },
    answersPerSecond: 9.996368,
    p50Ms: 0.53,
    p99Ms: 12.091,
  });
});

test('without answers there are no percentiles', () => {
  const { p50Ms, p99Ms } = parseDnsperf(OUTPUT.replaceAll(/ 0\.\d{6}$/gm, ''));
  assert.deepEqual([p50Ms, p99Ms], [Number.NaN, Number.NaN]);
});

test('an incomplete output is an error that quotes it', () => {
  assert.throws(() => parseDnsperf(HEAD), /does not say "Queries sent"[\s\S]*Sending queries/);
});
