import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DigReply } from '../../fixtures/dns/dig.ts';
import { resetStream } from '../../fixtures/dns/doh-behaviours.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { buildQuery, type QuerySpec } from '../../fixtures/dns/messages.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { addressOf, answering, QNAME, RCODE, RESPONSE_FLAGS, startOfAuthority } from '../upstream-messages.ts';
import { startEncryptedLab } from './encrypted-lab.ts';
import { dohTarget } from './honest-clients.ts';

/*
 * The DoH server with real clients: kdig, curl, dnsperf and h2load.
 */

const SERVER = '127.0.0.1';
/** curl resolves this name at dns4tor, which answers it from this option. */
const SITE = 'site.example.net';

const lab = await startEncryptedLab([SERVER], '--name', `${SITE}=${SERVER}`);
after(() => lab[Symbol.asyncDispose]());
const directory = await createTemporaryDirectory();
after(() => directory[Symbol.asyncDispose]());
const ca = join(directory.path, 'ca.pem');
await writeFile(ca, lab.ca);
const url = `https://${SERVER}:${lab.ports.doh}/dns-query`;

function kdigHttps(name: string, ...flags: readonly string[]): Promise<DigReply> {
  return kdig(`@${SERVER}`, '-p', String(lab.ports.doh), '+https', `+tls-ca=${ca}`, ...flags, name);
}

interface HttpAnswer {
  /** Status line and fields. */
  readonly version: string;
  readonly status: number;
  readonly cacheControl: string;
  readonly contentType: string;
}

async function curl(target: string, ...flags: readonly string[]): Promise<HttpAnswer> {
  const format = '%{http_version} %{http_code} %header{cache-control} %{content_type}';
  const args = ['--silent', '--cacert', ca, '--output', '/dev/null', '--write-out', format, ...flags];
  const [version = '', status, cacheControl = '', contentType = ''] = (
    await runProgram('curl', [...args, `https://${SERVER}:${lab.ports.doh}${target}`])
  ).split(' ');
  return { version, status: Number(status), cacheControl, contentType };
}

const get = (spec: QuerySpec, ...flags: readonly string[]): Promise<HttpAnswer> =>
  curl(dohTarget(buildQuery(spec)), ...flags);

for (const method of ['GET', 'POST']) {
  test(`kdig gets answers by ${method}`, async () => {
    const reply = await kdigHttps(`kdig-${method}.example`, ...(method === 'GET' ? ['+https-get'] : []));
    assert.equal(reply.status, 'NOERROR');
    assert.deepEqual(
      reply.answer.map(({ data }) => data),
      ['192.0.2.1'],
    );
  });
}

for (const version of ['1.1', '2']) {
  test(`curl gets an answer over HTTP/${version}, with the TTL as its freshness`, async () => {
    const flag = version === '2' ? '--http2' : '--http1.1';
    const answer = await get({ name: `curl-${version}.example` }, flag);
    assert.deepEqual(answer, {
      version,
      status: 200,
      cacheControl: 'max-age=300',
      contentType: 'application/dns-message',
    });
  });
}

test('curl --doh-url reaches a web server whose name only dns4tor knows', async () => {
  const site = createServer((_, response) => response.end('reached')).listen(0, SERVER);
  after(() => site.close());
  await once(site, 'listening');
  const { port } = site.address() as AddressInfo;
  // DNSSEC and other names are out of play: the name is answered locally.
  const trust = ['--cacert', ca, '--doh-url', url];
  assert.equal(await runProgram('curl', ['--silent', ...trust, `http://${SITE}:${port}/`]), 'reached');
});

test('a negative answer is fresh as long as its SOA record allows', async () => {
  const negative = answering({
    flags: RESPONSE_FLAGS | RCODE.nxdomain,
    authorities: [startOfAuthority(QNAME, 900, 60)],
  });
  lab.behave('negative.example', negative);
  assert.equal((await get({ name: 'negative.example' })).cacheControl, 'max-age=60');
});

test('a failure is a success in HTTP, and not fresh', async () => {
  lab.behave('failing.example', resetStream);
  const { status, cacheControl } = await get({ name: 'failing.example' });
  assert.deepEqual({ status, cacheControl }, { status: 200, cacheControl: 'max-age=0' });
});

test('RFC 8767 §4: an expired answer is fresh for 30 s', async () => {
  lab.behave('stale.example', answering({ answers: [addressOf(QNAME, 1)] }));
  const first = await get({ name: 'stale.example' });
  assert.equal(first.cacheControl, 'max-age=1');
  lab.behave('stale.example', resetStream);
  let cacheControl = first.cacheControl;
  for (let tries = 0; tries < 50 && /max-age=[01]$/.test(cacheControl); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    ({ cacheControl } = await get({ name: 'stale.example' }));
  }
  assert.equal(cacheControl, 'max-age=30');
});

test('a local answer is fresh for its TTL', async () => {
  assert.equal((await get({ name: SITE })).cacheControl, 'max-age=60');
});

for (const method of ['GET', 'POST']) {
  test(`dnsperf loses no answer by ${method}`, async () => {
    const queries = join(directory.path, `${method}.txt`);
    await writeFile(queries, 'dnsperf.example A\n');
    // One query at a time: dnsperf 2.10 reads one answer of each TLS record, and drops the others.
    const load = ['-m', 'doh', '-c', '1', '-q', '1', '-n', '40', '-d', queries];
    const doh = ['-O', `doh-uri=${url}`, '-O', `doh-method=${method}`];
    const output = await runProgram('dnsperf', ['-s', SERVER, '-p', String(lab.ports.doh), ...load, ...doh]);
    assert.match(output, /Queries completed: +40 /);
    assert.match(output, /200: 40/);
  });
}

for (const version of ['HTTP/2', 'HTTP/1.1']) {
  test(`h2load gets every answer over ${version}, with many requests at once`, async () => {
    const target = dohTarget(buildQuery({ name: 'h2load.example' }));
    const load = ['-n', '2000', '-c', '4', ...(version === 'HTTP/2' ? ['-m', '100'] : ['--h1'])];
    const output = await runProgram('h2load', [...load, `https://${SERVER}:${lab.ports.doh}${target}`]);
    assert.match(output, /2000 succeeded, 0 failed, 0 errored/);
    assert.match(output, /status codes: 2000 2xx/);
  });
}

test('the metrics count these queries as DoH', async () => {
  const before = await lab.counter('coredns_dns_requests_total', { proto: 'doh', type: 'TXT' });
  await kdigHttps('metrics.example', 'TXT');
  assert.equal(await lab.counter('coredns_dns_requests_total', { proto: 'doh', type: 'TXT' }), before + 1);
});
