import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { runCli } from '../cli/run-cli.ts';
import { type DigReply, dig } from '../fixtures/dns/dig.ts';
import { LAB_QUESTIONS, LAB_ZONE } from '../fixtures/dns/lab-zone.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import { type Laboratory, RESOLVER_NAME } from './laboratory.ts';

/** Upstreams other than DoH at an onion: other protocols, and host names and addresses through an exit. */
export function otherWaysSuite(getLaboratory: () => Laboratory): void {
  describe('other ways to the resolver', () => {
    let laboratory: Laboratory;
    before(() => {
      laboratory = getLaboratory();
    });

    const start = (upstreams: readonly string[], ...args: readonly string[]): Promise<Daemon> =>
      laboratory.startDaemon(
        ...upstreams.flatMap((url) => ['--upstream', url]),
        '--upstream-ca',
        laboratory.caPath,
        ...args,
      );
    const ask = async (daemon: Daemon, ...args: readonly string[]): Promise<string> =>
      summary(await dig('@127.0.0.1', '-p', String(daemon.port), '+time=15', ...args));
    /** Number of answers by upstream label. */
    const answersBy = async (daemon: Daemon): Promise<Record<string, number>> => {
      const { body } = await daemon.page('/metrics');
      const samples = body.matchAll(/^dns4tor_upstream_requests_total\{([^}]*)\} (\d+)$/gm);
      const answers: Record<string, number> = {};
      for (const [, labels = '', count] of samples) {
        if (!labels.includes('outcome="ok"')) continue;
        const upstream = /upstream="([^"]*)"/.exec(labels)?.[1] ?? '';
        answers[upstream] = (answers[upstream] ?? 0) + Number(count);
      }
      return answers;
    };

    const WAYS: readonly (readonly [string, () => string, readonly string[]])[] = [
      ['DNS over TLS at an onion', () => `tls://${laboratory.network.onion}`, []],
      ['plain DNS at an onion', () => `tcp://${laboratory.network.onion}`, []],
      ['DNS over HTTPS by name through an exit', () => `https://${RESOLVER_NAME}:${laboratory.doh.port}/dns-query`, []],
      ['DNS over HTTPS by address through an exit', () => `https://127.0.0.1:${laboratory.doh.port}/dns-query`, []],
      ['DNS over TLS by name through an exit', () => `tls://${RESOLVER_NAME}:${laboratory.doh.tlsPort}`, []],
      [
        'plain DNS by address through an exit, if allowed',
        () => `tcp://127.0.0.1:${laboratory.doh.plainPort}`,
        ['--allow-plaintext-exit'],
      ],
    ];

    for (const [way, url, args] of WAYS) {
      test(`${way} gets the records of the authority`, async () => {
        await using daemon = await start([url()], ...args);
        await daemon.answers();
        const { host, port } = laboratory.authority;
        for (const { name, type } of LAB_QUESTIONS.slice(0, 16)) {
          const source = await dig(`@${host}`, '-p', String(port), '+tcp', '+norecurse', name, type);
          assert.equal(await ask(daemon, '+tcp', name, type), summary(source));
        }
      });
    }

    test('many concurrent queries over TLS are answered on the existing circuits', async () => {
      await using daemon = await start([`tls://${laboratory.network.onion}`]);
      await daemon.answers();
      const names = Array.from({ length: 60 }, (_, i) => `n${i}.wild.${LAB_ZONE}`);
      const replies = await Promise.all(names.map((name) => ask(daemon, name)));
      assert.ok(replies.every((reply) => reply.startsWith('NOERROR ')));
      const { body } = await daemon.page('/metrics');
      assert.match(body, /^dns4tor_upstream_connections\{[^}]*\} 3$/m);
    });

    test('with upstreams of several protocols, the next one answers while the first is unreachable', async () => {
      const { onion } = laboratory.network;
      await using daemon = await start([`tcp://${onion}:54`, `tls://${onion}`]);
      await daemon.answers();
      assert.equal(await ask(daemon, `a.${LAB_ZONE}`), 'NOERROR 192.0.2.1');
      assert.deepEqual(Object.keys(await answersBy(daemon)), [`${onion}:853`]);
    });

    test('DNS over TLS also requires the pinned key', async () => {
      const url = `tls://${laboratory.network.onion}`;
      await using right = await start([url], '--upstream-pin', laboratory.pin);
      await right.answers();
      await using wrong = await start([url], '--upstream-pin', `sha256/${'A'.repeat(43)}=`);
      await wrong.logs('code=ERR_TLS_PIN');
    });

    test('plain DNS through an exit is refused unless allowed, and the error says why', async () => {
      const { code, stderr } = await runCli(['proxy-dns', '--upstream', 'tcp://127.0.0.1:5053']);
      assert.equal(code, 2);
      assert.match(stderr, /--upstream tcp:\/\/127\.0\.0\.1:5053.*--allow-plaintext-exit/);
    });

    test('a server that is not a resolver is reported as such', async () => {
      // An HTTP server, which does not speak DNS.
      await using daemon = await start([`tcp://${laboratory.network.onion}:8443`]);
      await daemon.logs('code=ERR_UPSTREAM_CONNECTION');
    });
  });
}

/** The status and the sorted data of the answer. */
function summary({ status, answer }: DigReply): string {
  const data = answer.map((record) => record.data).toSorted();
  return `${status} ${data.join(' ')}`;
}
