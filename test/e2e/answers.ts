import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type DigReply, dig } from '../fixtures/dns/dig.ts';
import { kdig } from '../fixtures/dns/kdig.ts';
import { LAB_QUESTIONS } from '../fixtures/dns/lab-zone.ts';
import { startValidatingForwarder } from '../fixtures/dns/validating-forwarder.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import type { Laboratory } from './laboratory.ts';

/** An address for port 53, because resolv.conf cannot name another port. */
const RESOLV_CONF_ADDRESS = '127.53.53.53';

/** Compares the answers that real clients get with those of the authoritative server. */
export function answersSuite(getLaboratory: () => Laboratory): void {
  describe('answers through a real onion service', () => {
    let laboratory: Laboratory;
    let daemon: Daemon;
    before(async () => {
      laboratory = getLaboratory();
      daemon = await laboratory.startDaemon();
      await daemon.answers();
    });
    after(() => daemon[Symbol.asyncDispose]());

    const ask = (...args: readonly string[]): Promise<DigReply> =>
      dig('@127.0.0.1', '-p', String(daemon.port), ...args);

    for (const [transport, flag] of [
      ['UDP', '+notcp'],
      ['TCP', '+tcp'],
    ] as const) {
      for (const { name, type, status } of LAB_QUESTIONS) {
        test(`dig over ${transport} gets the records of the authority: ${name} ${type}`, async () => {
          const { host, port } = laboratory.authority;
          const [ours, source] = await Promise.all([
            ask(name, type, flag),
            dig(`@${host}`, '-p', String(port), name, type, '+norecurse', flag),
          ]);
          assert.equal(ours.status, status);
          assert.equal(source.status, status);
          assert.deepEqual(recordSet(ours), recordSet(source));
          assert.ok(ours.flags.includes('ra') && !ours.flags.includes('aa'));
        });
      }
    }

    test('kdig gets the same over UDP, over TCP, and over a TCP connection that it keeps open', async () => {
      for (const flag of ['+notcp', '+tcp', '+keepopen']) {
        const reply = await kdig('@127.0.0.1', '-p', String(daemon.port), flag, 'a.dns4tor-lab.net', 'A');
        assert.deepEqual(recordSet(reply), ['a.dns4tor-lab.net. A 192.0.2.1']);
      }
    });

    test('getent resolves a host name through resolv.conf', async () => {
      await using system = await laboratory.startDaemon('--address', RESOLV_CONF_ADDRESS, '--port', '53');
      await system.answers();
      await using directory = await createTemporaryDirectory();
      const resolvConf = join(directory.path, 'resolv.conf');
      await writeFile(resolvConf, `nameserver ${RESOLV_CONF_ADDRESS}\n`);
      const script = `mount --bind ${resolvConf} /etc/resolv.conf && getent ahostsv4 a.dns4tor-lab.net`;
      const output = await runProgram('unshare', ['--mount', 'sh', '-c', script]);
      assert.match(output, /^192\.0\.2\.1\s+STREAM/m);
    });

    test('unbound behind dns4tor validates signed answers and returns SERVFAIL for bogus ones', async () => {
      await using forwarder = await startValidatingForwarder(daemon.port, laboratory.authority.trustAnchor);
      const validated = await dig('@127.0.0.1', '-p', String(forwarder.port), 'a.signed.dns4tor-lab.net', '+dnssec');
      assert.equal(validated.status, 'NOERROR');
      assert.ok(validated.flags.includes('ad'));
      const bogus = await dig('@127.0.0.1', '-p', String(forwarder.port), 'a.bogus.dns4tor-lab.net');
      assert.equal(bogus.status, 'SERVFAIL');
    });

    test('the second answer comes from the cache, with a reduced TTL', async () => {
      const name = 'cached.wild.dns4tor-lab.net';
      const first = await ask(name);
      const firstTtl = first.answer[0]?.ttlSeconds ?? 0;
      await waitUntil(
        'the TTL counts down',
        5000,
        async () => ((await ask(name)).answer[0]?.ttlSeconds ?? 0) < firstTtl,
      );
      const asked = (await laboratory.doh.questions()).filter((question) => question.name === `${name}.`);
      assert.equal(asked.length, 1);
    });

    test('special-use names are answered locally, and never reach the resolver', async () => {
      for (const name of [
        'something.onion',
        'printer.local',
        'host.internal',
        'nas.lan',
        'printer',
        '1.1.168.192.in-addr.arpa',
      ]) {
        assert.equal((await ask(name)).status, 'NXDOMAIN', name);
      }
      assert.equal((await ask('localhost', 'AAAA')).answer[0]?.data, '::1');
      const left = (await laboratory.doh.questions()).filter(({ name }) =>
        /onion|local|internal|lan|printer|in-addr/.test(name),
      );
      assert.deepEqual(left, []);
    });

    test('/ready returns 200 while answers arrive, and promtool accepts the metrics', async () => {
      const { status } = await daemon.page('/ready');
      assert.equal(status, 200);
      const { body } = await daemon.page('/metrics');
      assert.match(body, /coredns_cache_hits_total\{[^}]*type="success"[^}]*\} [1-9]/);
      assert.match(body, /dns4tor_upstream_requests_total\{[^}]*outcome="ok"[^}]*\} [1-9]/);
      assert.doesNotMatch(body, /dns4tor-lab/);
      await runProgram('promtool', ['check', 'metrics'], { input: body });
    });

    test('the log contains no queried name', () => {
      assert.doesNotMatch(daemon.process.output, /dns4tor-lab|printer\.local/);
    });
  });
}

/** Names, types and data, sorted. Without TTLs, which differ between a cache and its source. */
function recordSet(reply: DigReply): string[] {
  return [...reply.answer, ...reply.authority.filter(({ type }) => type === 'SOA')]
    .map(({ name, type, data }) => `${name.toLowerCase()} ${type} ${data}`)
    .toSorted();
}
