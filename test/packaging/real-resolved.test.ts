import assert from 'node:assert/strict';
import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findSystemResolver } from '../../src/system/find-system-resolver.ts';
import { install } from '../../src/system/install.ts';
import type { Machine } from '../../src/system/machine.ts';
import { readNameservers } from '../../src/system/managers/resolv-conf.ts';
import { pause } from '../../src/system/pause.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { createRigIn, TARGET } from '../system/rig.ts';
import { prepareResolved } from './real-resolved.ts';

/*
 * The real systemd-resolved in a namespace with its own /etc, /run and /var/lib, without a bus.
 */

const PATIENCE_MS = 10_000;
const DROP_INS = '/etc/systemd/resolved.conf.d';
const SERVERS = '/run/systemd/resolve/resolv.conf';
/** The network's own resolver. */
const OF_THE_NETWORK = '[Resolve]\nDNS=192.0.2.53\n';

test('the list and drop-in of a real systemd-resolved show where names go: after install, a change, a pause and uninstall', async () => {
  await using resolved = await prepareResolved();
  const { root, etc } = resolved;
  await writeFile(join(etc, 'systemd/resolved.conf.d/network.conf'), OF_THE_NETWORK);
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(etc, 'resolv.conf'));
  await resolved.restart();
  const rig = await createRigIn(root, async () => {});
  rig.answers.set('systemctl is-active --quiet systemd-resolved.service', { status: 0 });
  const machine: Machine = {
    ...rig.machine,
    run: async (command) => {
      if (command.join(' ') === 'systemctl restart systemd-resolved.service') await resolved.restart();
      return rig.machine.run(command);
    },
  };
  const becomes = (state: string): Promise<void> =>
    waitUntil(
      `the state is ${state}`,
      PATIENCE_MS,
      async () => (await findSystemResolver(machine.fs, ({ address }) => address === TARGET.address))?.state === state,
    );
  const servers = (): Promise<readonly string[]> => readNameservers(machine.fs, SERVERS);

  await becomes('not_installed');
  assert.deepEqual(await servers(), ['192.0.2.53']);
  await install(machine, TARGET);
  await becomes('leads_here');
  assert.deepEqual(await servers(), ['127.0.0.1']);

  // A later file clears the servers of earlier ones.
  await rig.write(`${DROP_INS}/zzz.conf`, '[Resolve]\nDNS=\nDNS=192.0.2.54\n');
  await resolved.restart();
  await becomes('elsewhere');
  await rm(join(root, DROP_INS, 'zzz.conf'));
  await resolved.restart();
  await becomes('leads_here');

  await rig.write(`${DROP_INS}/zz-dns4tor.conf`, '# of another\n');
  await becomes('elsewhere');
  await resolved.restart();
  assert.deepEqual(await servers(), ['192.0.2.53']);
  await becomes('elsewhere');
  await install(machine, TARGET);
  await becomes('leads_here');
  assert.deepEqual(await servers(), ['127.0.0.1']);

  await pause(machine, 60_000);
  await becomes('paused');
  assert.deepEqual(await servers(), ['192.0.2.53']);
  await install(machine, TARGET);
  await becomes('leads_here');
  await uninstall(machine, { force: false });
  await becomes('not_installed');
});
