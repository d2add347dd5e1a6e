import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeBase32 } from '../../src/model/onion-address.ts';
import { dig } from '../fixtures/dns/dig.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type ClientAuthKey, createClientAuthKey } from '../fixtures/tor/client-auth-key.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import type { Laboratory } from './laboratory.ts';

const TIMEOUT_MS = 60_000;
const NAME = 'a.dns4tor-lab.net';

/** An onion service with client authorization, and the ways in which tor gets the key. */
export function clientAuthSuite(getLaboratory: () => Laboratory): void {
  describe('an onion service with client authorization', () => {
    let laboratory: Laboratory;
    let state: TemporaryDirectory;
    before(async () => {
      laboratory = getLaboratory();
      state = await createTemporaryDirectory();
    });
    after(() => state[Symbol.asyncDispose]());

    const upstream = (): readonly string[] => [
      '--upstream',
      laboratory.privateOnion.url,
      '--upstream-ca',
      laboratory.caPath,
    ];
    const keyFlags = async (key: ClientAuthKey): Promise<readonly string[]> => {
      const path = join(state.path, 'resolver.auth_private');
      await writeFile(path, key.privateLine(laboratory.privateOnion.address), { mode: 0o600 });
      return ['--onion-auth-file', path];
    };
    const expectRefusal = async (daemon: Daemon, code: string, ede: RegExp): Promise<void> => {
      await daemon.logs(`code=${code}`);
      const reply = await dig('@127.0.0.1', '-p', String(daemon.port), '+time=15', NAME);
      assert.equal(reply.status, 'SERVFAIL');
      assert.match(reply.ede.join(), ede);
      const label = code.replace('ERR_', '').toLowerCase();
      const { body } = await daemon.page('/metrics');
      assert.match(body, new RegExp(`^dns4tor_upstream_connects_total\\{[^}]*outcome="${label}"\\} [1-9]`, 'm'));
    };
    const expectNoTraceOf = async ({ secret }: ClientAuthKey, daemon: Daemon): Promise<void> => {
      const bytes = Buffer.from(decodeBase32(secret));
      const forms = [secret, secret.toUpperCase(), bytes.toString('base64'), bytes.toString('hex')];
      const directory = join(state.path, 'tor');
      const files = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
      const texts = await Promise.all(files.map(({ name }) => readFile(join(directory, name), 'latin1')));
      for (const text of [daemon.process.output, ...texts]) {
        for (const form of forms) assert.ok(!text.includes(form));
        assert.ok(!text.includes(bytes.toString('latin1')));
      }
    };

    test('without a key: ERR_TOR_HS_AUTH_MISSING, EDE 18', async () => {
      await using daemon = await laboratory.startDaemon(...upstream());
      await expectRefusal(daemon, 'ERR_TOR_HS_AUTH_MISSING', /^18 .*\(X'F4'\)/);
    });

    test('a running Tor without a control port: the same, and a warning says where to put the key', async () => {
      const flags = await keyFlags(laboratory.privateOnion.clientKey);
      await using daemon = await laboratory.startDaemon(...upstream(), ...flags);
      await expectRefusal(daemon, 'ERR_TOR_HS_AUTH_MISSING', /^18 .*\(X'F4'\)/);
      assert.match(daemon.process.output, /WRN Tor at unix:.*ClientOnionAuthDir.* code=ERR_TOR_ONION_AUTH/);
    });

    test('with a wrong key: ERR_TOR_HS_AUTH_WRONG, EDE 18', async () => {
      const flags = await keyFlags(createClientAuthKey());
      await using daemon = await laboratory.startManagedDaemon(state, ...upstream(), ...flags);
      await expectRefusal(daemon, 'ERR_TOR_HS_AUTH_WRONG', /^18 .*\(X'F5'\)/);
    });

    test('with the right key, a tor started by dns4tor gets answers, and the key is written nowhere', async () => {
      const { clientKey } = laboratory.privateOnion;
      const flags = await keyFlags(clientKey);
      await using daemon = await laboratory.startManagedDaemon(state, ...upstream(), ...flags, '--loglevel', 'debug');
      await daemon.answers();
      await expectNoTraceOf(clientKey, daemon);
    });

    test('a running Tor gets the key over its control port, also after a restart, and its state is followed', async () => {
      const { client } = laboratory.network;
      const control = ['--tor-control', `unix:${client.controlPath}`];
      const flags = await keyFlags(laboratory.privateOnion.clientKey);
      await using daemon = await laboratory.startDaemon(...upstream(), ...flags, ...control);
      await daemon.logs('Monitoring Tor through its control port');
      await daemon.answers();
      const { body } = await daemon.page('/metrics');
      assert.match(body, /^dns4tor_tor_bootstrap_percent 100$/m);
      assert.match(body, /^dns4tor_tor_state\{state="up"\} 1$/m);
      assert.match(body, /^dns4tor_tor_circuits\{state="built"\} [1-9]/m);

      await client.kill();
      await daemon.logs('Cannot monitor Tor');
      await client.start();
      await waitUntil('answers arrive again', TIMEOUT_MS, async () => {
        const reply = await dig('@127.0.0.1', '-p', String(daemon.port), '+time=15', 'any.wild.dns4tor-lab.net');
        return reply.status === 'NOERROR';
      });
    });
  });
}
