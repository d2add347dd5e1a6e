import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderPreview, renderRemoval } from '../../../src/cli/output/dry-run.ts';
import { install, previewInstallation } from '../../../src/system/install.ts';
import { pause } from '../../../src/system/pause.ts';
import { previewRemoval } from '../../../src/system/uninstall.ts';
import { failWith } from '../../system/failing-file-system.ts';
import { createRig, MANAGERS, type Rig, TARGET } from '../../system/rig.ts';

const RESTART = '$ systemctl restart systemd-resolved.service\n';
const DROP_IN = '/etc/systemd/resolved.conf.d/zz-dns4tor.conf';

async function createResolvedRig(): Promise<Rig> {
  const rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  return rig;
}

async function dryRun(rig: Rig, force = false): Promise<string | undefined> {
  const before = await rig.snapshot();
  const removal = await previewRemoval(rig.machine, { force });
  assert.deepEqual(await rig.snapshot(), before);
  return removal === undefined ? undefined : renderRemoval(removal);
}

async function previewOf(rig: Rig): Promise<string> {
  const before = await rig.snapshot();
  const preview = await previewInstallation(rig.machine, TARGET);
  assert.deepEqual(await rig.snapshot(), before);
  return renderPreview(preview);
}

test('the preview of install shows diffs and commands, and those of uninstall', async () => {
  await using rig = await createResolvedRig();
  const text = await previewOf(rig);
  assert.ok(
    text.startsWith(
      '# Managers of names: systemd-resolved. Nothing was changed. The changes would be:\n--- /dev/null\n',
    ),
  );
  assert.ok(text.includes(`\n+++ ${DROP_IN}\n@@ -0,0 +1,14 @@\n+# Written by \`dns4tor install\``));
  assert.ok(text.endsWith(`${RESTART}# \`dns4tor uninstall\` would also run:\n${RESTART}`));
});

test('after install, the preview is empty except for managers that appeared since', async () => {
  await using rig = await createResolvedRig();
  await install(rig.machine, TARGET);
  assert.equal(await previewOf(rig), '# dns4tor is the resolver of this machine already; nothing would be changed.\n');
  rig.answers.set('nmcli --get-values RUNNING general', { status: 0, stdout: 'running\n' });
  const text = await previewOf(rig);
  assert.match(text, /^# Managers of names: NetworkManager\. /);
  assert.doesNotMatch(text, /resolved\.conf\.d/);
  await assert.rejects(previewInstallation(rig.machine, { address: '::1', port: 53 }), {
    code: 'ERR_SYSTEM_INSTALLED',
  });
});

test('a user who may not read the installation is told to use sudo', async () => {
  await using rig = await createResolvedRig();
  await install(rig.machine, TARGET);
  const fs = failWith(rig.machine.fs, { inspect: 'EACCES' }, (path) => path.startsWith('/var/lib/dns4tor-install/'));
  const text = renderPreview(await previewInstallation({ ...rig.machine, fs }, TARGET));
  assert.match(text, /^# dns4tor is installed, .* sudo dns4tor install --dry-run\n$/);
});

test('during a pause, the preview shows the changes; after an interruption, that it is rolled back first', async () => {
  await using rig = await createResolvedRig();
  const first = await previewOf(rig);
  await install(rig.machine, TARGET);
  await pause(rig.machine, 60_000);
  assert.equal(await previewOf(rig), first);
  const fs = failWith(rig.machine.fs, { rename: 'EIO' }, (path) => path.includes('resolved.conf.d'));
  await assert.rejects(install({ ...rig.machine, fs: failWith(fs, { removeDirectory: 'EIO' }) }, TARGET), {
    code: 'ERR_SYSTEM_HALFWAY',
  });
  assert.match(await previewOf(rig), /^# An earlier command was interrupted\./);
});

test('the preview of uninstall shows diffs and commands', async () => {
  await using rig = await createResolvedRig();
  assert.equal(await dryRun(rig), undefined);
  await install(rig.machine, TARGET);
  const text = (await dryRun(rig)) ?? '';
  assert.ok(
    text.startsWith(`# Nothing was changed. The changes would be:\n--- ${DROP_IN}\n+++ /dev/null\n@@ -1,14 +0,0 @@\n`),
    text,
  );
  assert.ok(text.endsWith(`\n${RESTART}`), text);
});

test('during a pause, there is nothing to restore', async () => {
  await using rig = await createResolvedRig();
  await install(rig.machine, TARGET);
  await pause(rig.machine, 60_000);
  assert.equal(await dryRun(rig), '# All files are the originals already.\n');
});

test('an edited file is refused as by uninstall, and shown with --force', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  await rig.write('/etc/resolv.conf', 'nameserver 192.0.2.9\n');
  await assert.rejects(dryRun(rig), { code: 'ERR_SYSTEM_EDITED' });
  const text = (await dryRun(rig, true)) ?? '';
  assert.match(text, /^-nameserver 192\.0\.2\.9$/m);
  assert.match(text, /^\+nameserver 192\.0\.2\.1$/m);
});
