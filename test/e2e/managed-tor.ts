import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { dig } from '../fixtures/dns/dig.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import type { Laboratory } from './laboratory.ts';

const TIMEOUT_MS = 60_000;

/** A tor that dns4tor starts, as a client of the laboratory's network. */
export function managedTorSuite(getLaboratory: () => Laboratory): void {
  describe('a tor started by dns4tor', () => {
    let laboratory: Laboratory;
    before(() => {
      laboratory = getLaboratory();
    });

    const torPid = async (daemon: Daemon): Promise<number> => {
      const { pid } = daemon.process;
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
      const [child = ''] = children.trim().split(' ');
      assert.match(await readFile(join('/proc', child, 'comm'), 'utf8'), /^tor/);
      return Number(child);
    };
    const isRunning = (pid: number): Promise<boolean> =>
      readFile(`/proc/${pid}/stat`, 'utf8').then(
        (stat) => !/\) [ZX] /.test(stat),
        () => false,
      );
    const answered = async (daemon: Daemon, name: string): Promise<boolean> =>
      (await dig('@127.0.0.1', '-p', String(daemon.port), '+time=15', name)).status === 'NOERROR';

    test('its bootstrap is reported, it is restarted when it dies, and it ends with dns4tor', async () => {
      await using state = await createTemporaryDirectory();
      await using daemon = await laboratory.startManagedDaemon(state);
      await daemon.answers();
      assert.match(daemon.process.output, /INF Tor is at \d+ %: /);
      assert.match((await daemon.page('/metrics')).body, /^dns4tor_tor_bootstrap_percent 100$/m);
      assert.match((await daemon.page('/metrics')).body, /^dns4tor_tor_circuits\{state="built"\} [1-9]/m);
      assert.ok(await answered(daemon, 'a.dns4tor-lab.net'));

      const first = await torPid(daemon);
      process.kill(first, 'SIGKILL');
      await daemon.logs('Tor ended');
      await waitUntil('answers arrive again', TIMEOUT_MS, () => answered(daemon, 'any.wild.dns4tor-lab.net'));

      const second = await torPid(daemon);
      assert.notEqual(second, first);
      daemon.process.signal('SIGTERM');
      assert.equal(await daemon.process.ended, 0);
      assert.equal(await isRunning(second), false);
    });

    test('a second dns4tor is told its SOCKS socket, and answers through it', async () => {
      await using state = await createTemporaryDirectory();
      await using first = await laboratory.startManagedDaemon(state);
      await first.answers();
      await using refused = await laboratory.startManagedDaemon(state);
      assert.equal(await refused.process.ended, 1);
      const [, address = ''] = /--tor-socks (unix:[^\s,]+)/.exec(refused.process.output) ?? [];
      // Without TLS, it refuses a socket that is not proven to be Tor's.
      const upstream = `tcp://${laboratory.network.onion}`;
      await using second = await laboratory.startDaemon('--tor-socks', address, '--upstream', upstream);
      await second.answers();
      assert.ok(await answered(second, 'a.dns4tor-lab.net'));
      assert.ok(await answered(first, 'a.dns4tor-lab.net'));
    });

    test('dies when dns4tor is killed', async () => {
      await using state = await createTemporaryDirectory();
      await using daemon = await laboratory.startManagedDaemon(state);
      await daemon.logs('Using tor started by dns4tor');
      const pid = await torPid(daemon);
      // To the process alone: the fixture's kill() ends the whole group, including tor.
      daemon.process.signal('SIGKILL');
      await waitUntil('tor has ended', TIMEOUT_MS, async () => !(await isRunning(pid)));
    });
  });
}
