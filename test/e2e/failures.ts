import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ErrorCode, failureKind } from '../../src/failures/failures.ts';
import { type DigReply, dig } from '../fixtures/dns/dig.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import { reservePort } from '../fixtures/process/reserve-port.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import type { Laboratory } from './laboratory.ts';

const RECOVERY_TIMEOUT_MS = 60_000;
const NAME = 'a.dns4tor-lab.net';

/** What clients, the log and the health checks report while a part of the path is broken, and that service recovers. */
export function failuresSuite(getLaboratory: () => Laboratory): void {
  describe('failures on the way to the resolver', () => {
    let laboratory: Laboratory;
    before(() => {
      laboratory = getLaboratory();
    });

    const ask = (daemon: Daemon, ...args: readonly string[]): Promise<DigReply> =>
      dig('@127.0.0.1', '-p', String(daemon.port), '+time=15', ...args);
    const askUntilAnswered = (daemon: Daemon, name: string): Promise<void> =>
      waitUntil('a query is answered', RECOVERY_TIMEOUT_MS, async () => (await ask(daemon, name)).status === 'NOERROR');

    /** Expects the failure's code in the log, and its EDE code and problem in the reply. */
    const expectFailure = async (args: readonly string[], code: ErrorCode, ede: number): Promise<void> => {
      await using daemon = await laboratory.startDaemon(...args);
      await daemon.logs(`code=${code}`);
      const reply = await ask(daemon, NAME);
      assert.equal(reply.status, 'SERVFAIL');
      const explanation = reply.ede.join();
      assert.match(explanation, new RegExp(`^${ede} `));
      assert.ok(explanation.includes(failureKind(code).problem), explanation);
      assert.equal((await daemon.page('/ready')).status, 503);
      assert.equal((await daemon.page('/healthcheck')).status, 200);
      assert.doesNotMatch(daemon.process.output, /dns4tor-lab|^\s+at /m);
    };

    test('a certificate for another name: ERR_TLS_NAME, EDE 23', () =>
      expectFailure(['--upstream-name', 'another.example'], 'ERR_TLS_NAME', 23));

    test('a key that is not the pinned one: ERR_TLS_PIN, EDE 23', () =>
      expectFailure(['--upstream-pin', `sha256/${'A'.repeat(43)}=`], 'ERR_TLS_PIN', 23));

    test('a certificate of an untrusted authority: ERR_TLS_UNTRUSTED, EDE 23', () =>
      expectFailure(['--upstream', laboratory.url], 'ERR_TLS_UNTRUSTED', 23));

    test('an onion address without a service: ERR_TOR_HS_DESC_NOT_FOUND, EDE 22', () =>
      expectFailure(['--upstream', `https://${createOnionKey().address}/dns-query`], 'ERR_TOR_HS_DESC_NOT_FOUND', 22));

    test('a port that the onion does not serve: ERR_TOR_PORT_REFUSED, EDE 22', () =>
      expectFailure(['--upstream', laboratory.url.replace('.onion/', '.onion:444/')], 'ERR_TOR_PORT_REFUSED', 22));

    test('nothing at --tor-socks: ERR_TOR_UNREACHABLE, EDE 23', async () => {
      const reservation = await reservePort();
      await reservation.release();
      await expectFailure(['--tor-socks', `127.0.0.1:${reservation.port}`], 'ERR_TOR_UNREACHABLE', 23);
    });

    test('a URL path without a resolver: ERR_DOH_STATUS, EDE 22', async () => {
      await using daemon = await laboratory.startDaemon(
        '--upstream',
        laboratory.url.replace('/dns-query', '/elsewhere'),
        '--upstream-ca',
        laboratory.caPath,
      );
      const reply = await ask(daemon, NAME);
      assert.equal(reply.status, 'SERVFAIL');
      assert.match(reply.ede.join(), /^22 /);
      assert.ok(reply.ede.join().includes(failureKind('ERR_DOH_STATUS').problem));
    });

    test('the right pin is accepted', async () => {
      await using daemon = await laboratory.startDaemon('--upstream-pin', laboratory.pin);
      await daemon.answers();
    });

    test('a second upstream answers when the first cannot be reached', async () => {
      const nobody = `https://${createOnionKey().address}/dns-query`;
      await using daemon = await laboratory.startDaemon(
        '--upstream',
        nobody,
        '--upstream',
        laboratory.url,
        '--upstream-ca',
        laboratory.caPath,
      );
      await daemon.answers();
      assert.equal((await ask(daemon, NAME)).status, 'NOERROR');
    });

    describe('Tor killed and started again', () => {
      let daemon: Daemon;
      before(async () => {
        daemon = await laboratory.startDaemon();
        await daemon.answers();
      });
      after(() => daemon[Symbol.asyncDispose]());

      test('while Tor is down: SERVFAIL with EDE 23, and cached answers; afterwards the same process gets answers', async () => {
        assert.equal((await ask(daemon, NAME)).status, 'NOERROR');
        await laboratory.network.client.kill();
        const gone = await ask(daemon, 'aaaa.dns4tor-lab.net', 'AAAA');
        assert.equal(gone.status, 'SERVFAIL');
        assert.match(gone.ede.join(), /^23 /);
        assert.equal((await ask(daemon, NAME)).status, 'NOERROR');
        assert.match((await daemon.page('/metrics')).body, /dns_responses_total\{[^}]*rcode="SERVFAIL"[^}]*\} [1-9]/);

        await laboratory.network.client.start();
        await askUntilAnswered(daemon, 'mx.dns4tor-lab.net');
      });
    });

    test('a daemon that started before Tor answers as soon as Tor runs', async () => {
      await laboratory.network.client.kill();
      await using daemon = await laboratory.startDaemon();
      assert.equal((await ask(daemon, NAME)).status, 'SERVFAIL');
      assert.equal((await daemon.page('/ready')).status, 503);
      await laboratory.network.client.start();
      await daemon.answers();
      assert.equal((await ask(daemon, NAME)).status, 'NOERROR');
      assert.equal((await daemon.page('/ready')).status, 200);
    });

    test('after a restart of the onion service, queries are answered again', async () => {
      await using daemon = await laboratory.startDaemon();
      await daemon.answers();
      await laboratory.network.onionService.kill();
      assert.equal((await ask(daemon, NAME)).status, 'SERVFAIL');
      await laboratory.network.onionService.start();
      await askUntilAnswered(daemon, NAME);
    });

    test('SIGTERM ends the daemon with exit code 0', async () => {
      await using daemon = await laboratory.startDaemon();
      await daemon.answers();
      daemon.process.signal('SIGTERM');
      assert.equal(await daemon.process.ended, 0);
    });
  });
}
