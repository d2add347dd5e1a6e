import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { runCli } from '../cli/run-cli.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import type { Laboratory } from './laboratory.ts';

interface Shown {
  readonly status: string;
  readonly answers: readonly { readonly name: string; readonly type: string; readonly data: string }[];
  readonly came: {
    readonly source: string;
    readonly upstream?: string;
    readonly waitedMs?: number;
    readonly askedMs?: number;
    readonly totalMs: number;
    readonly ageSeconds?: number;
  };
  readonly steps: readonly { readonly what: string }[];
}

/** The output of `dns4tor query` for answers from a real onion service. */
export function querySuite(getLaboratory: () => Laboratory): void {
  describe('dns4tor query through a real onion service', () => {
    let laboratory: Laboratory;
    let daemon: Daemon;
    before(async () => {
      laboratory = getLaboratory();
      daemon = await laboratory.startDaemon();
      await daemon.answers();
    });
    after(() => daemon[Symbol.asyncDispose]());

    const query = async (...words: readonly string[]): Promise<Shown> => {
      const { code, stdout, stderr } = await runCli(['query', '--json', ...words]);
      assert.equal(stderr, '');
      assert.equal(code, 0);
      return JSON.parse(stdout) as Shown;
    };
    const ask = (...words: readonly string[]): Promise<Shown> => query('-p', String(daemon.port), ...words);

    test('the first answer comes from the resolver, with the time of each stage, and the second from the cache', async () => {
      const name = 'query.wild.dns4tor-lab.net';
      const first = await ask('@127.0.0.1', name);
      assert.deepEqual(
        first.answers.map(({ data }) => data),
        ['192.0.2.9'],
      );
      const { source, upstream, waitedMs = NaN, askedMs = NaN, totalMs } = first.came;
      assert.deepEqual([source, upstream], ['upstream', laboratory.url]);
      assert.ok(askedMs > 0 && Math.abs(waitedMs + askedMs - totalMs) < 1);
      const second = await ask('@127.0.0.1', name);
      assert.equal(second.came.source, 'cache');
      assert.ok(second.came.ageSeconds !== undefined);
    });

    test('an answer too large for a datagram also comes from the resolver', async () => {
      const { answers, came } = await ask('@127.0.0.1', 'long-txt.dns4tor-lab.net', 'TXT');
      assert.equal(answers.length, 1);
      assert.equal(came.source, 'upstream');
    });

    test('--direct queries through Tor without a daemon and prints the duration of each step', async () => {
      const flags = ['--upstream', laboratory.url, '--upstream-ca', laboratory.caPath];
      const socks = ['--tor-socks', `unix:${laboratory.network.client.socksPath}`];
      const { status, answers, came, steps } = await query('--direct', ...flags, ...socks, 'mx.dns4tor-lab.net', 'MX');
      assert.equal(status, 'NOERROR');
      assert.equal(answers.length, 2);
      assert.deepEqual([came.source, came.upstream], ['upstream', laboratory.url]);
      assert.match(steps[0]?.what ?? '', /^Using Tor at unix:/);
      assert.equal(steps[1]?.what, `Connected to ${laboratory.url}`);
    });

    test('dns4tor status reports a working daemon with exit code 0', async () => {
      const { code, stdout } = await runCli(['status', '--metrics', daemon.metricsAddress]);
      assert.equal(code, 0);
      assert.match(stdout, /^● Working: names are resolved through Tor\.$/m);
      assert.match(stdout, /^ +circuit \d: open, answers in [\d.]+ m?s$/m);
    });

    test('the log contains no queried name', () => {
      assert.doesNotMatch(daemon.process.output, /dns4tor-lab\.net/);
    });
  });
}
