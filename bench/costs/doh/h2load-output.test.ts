import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseH2load, parseRequestLog } from './h2load-output.ts';

const HEAD = `starting benchmark...
spawning thread #0: 10 total client(s). 30000 total requests
TLS Protocol: TLSv1.3
Cipher: TLS_AES_256_GCM_SHA384
Server Temp Key: X25519 253 bits
Application protocol: h2
progress: 100% done
`;

const OUTPUT = `${HEAD}
finished in 719.84ms, 41675.87 req/s, 3.98MB/s
requests: 30000 total, 30000 started, 30000 done, 29999 succeeded, 1 failed, 1 errored, 0 timeout
status codes: 29998 2xx, 1 3xx, 1 4xx, 0 5xx
traffic: 2.86MB (3000930) total, 264.40KB (270750) headers (space savings 92.42%), 2.09MB (2190000) data
                     min         max         mean         sd        +/- sd
time for request:      305us     28.22ms      3.10ms      3.16ms    88.47%
`;

test('counts, rate and size come from the statistics, and only a status of 2xx is a success', () => {
  assert.deepEqual(parseH2load(OUTPUT), {
    requests: 30_000,
    succeeded: 29_998,
    bodyBytes: 2_190_000,
    answersPerSecond: 41675.87,
    protocol: 'h2',
  });
});

test('an incomplete output is an error that quotes it', () => {
  assert.throws(() => parseH2load(HEAD), /does not say "requests"[\s\S]*spawning thread/);
});

test('quantiles come from the log of successful requests', () => {
  const log = ['1\t200\t500', '2\t200\t1500', '3\t404\t9000', '4\t-1\t9000', '5\t200\t2500', ''].join('\n');
  assert.deepEqual(parseRequestLog(log), { p50Ms: 1.5, p99Ms: 2.5 });
  assert.deepEqual(parseRequestLog(''), { p50Ms: Number.NaN, p99Ms: Number.NaN });
});
