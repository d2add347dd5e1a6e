import assert from 'node:assert/strict';
import { chown, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderPreview } from '../../src/cli/output/dry-run.ts';
import { install, previewInstallation } from '../../src/system/install.ts';
import { pause } from '../../src/system/pause.ts';
import { createFileSystem } from '../../src/system/transaction/file-system.ts';
import { readJournal } from '../../src/system/transaction/journal.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { failAt, failWith } from './failing-file-system.ts';
import { createRig, createRigIn, MANAGERS, type Rig, TARGET } from './rig.ts';

/*
 * `install`, after another program changed a file that dns4tor had written. For files that dns4tor shares with others,
 * `install --force`.
 */

const RESOLV_CONF = '/etc/resolv.conf';
const KEPT = `${RESOLV_CONF}.before-install`;
const OF_THE_NETWORK = 'nameserver 192.168.1.1\n';
const FORCE = { force: true } as const;

/** All files except the backups, which may keep their directories from being removed. */
function withoutKept(snapshot: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const files = Object.entries(snapshot).filter(([, state]) => !state.startsWith('40'));
  return Object.fromEntries(files.filter(([path]) => !/\.before-install(?:-\d+)?$/.test(path)));
}

/** Each file that install writes, with its manager and the commands that reload it. */
const WRITTEN = {
  '/etc/resolv.conf': { manager: 'a plain file', commands: [] },
  '/etc/systemd/resolved.conf.d/zz-dns4tor.conf': {
    manager: 'systemd-resolved',
    commands: ['systemctl restart systemd-resolved.service'],
  },
  '/etc/NetworkManager/conf.d/zz-dns4tor.conf': { manager: 'NetworkManager', commands: ['nmcli general reload'] },
  '/etc/resolvconf.conf': { manager: 'openresolv', commands: [] },
  '/etc/dhcp/dhclient-enter-hooks.d/dns4tor': { manager: 'dhclient', commands: [] },
  '/etc/dhcpcd.enter-hook': { manager: 'dhcpcd', commands: [] },
  '/etc/udhcpc/default.script': { manager: 'udhcpc', commands: [] },
} as const;

/** Those of which only some lines are dns4tor's. */
const SHARED: readonly string[] = ['/etc/resolvconf.conf', '/etc/dhcpcd.enter-hook', '/etc/udhcpc/default.script'];

for (const [path, { manager, commands }] of Object.entries(WRITTEN)) {
  const isShared = SHARED.includes(path);
  const name = isShared
    ? "another program's version is refused, or copied with --force"
    : "another program's version is copied, and the file taken back";
  test(`${path}: ${name}; uninstall restores the original`, async () => {
    await using rig = await createRig();
    await MANAGERS[manager](rig);
    const before = await rig.snapshot();
    await install(rig.machine, TARGET);
    const installed = await rig.snapshot();
    await rig.write(path, '# of another\n', 0o640);
    const edited = await rig.snapshot();
    if (isShared) {
      await assert.rejects(install(rig.machine, TARGET), { code: 'ERR_SYSTEM_EDITED' });
      assert.deepEqual(await rig.snapshot(), edited);
    }

    rig.commands.length = 0;
    await install(rig.machine, TARGET, { force: isShared });
    assert.deepEqual(rig.commands, commands);
    assert.equal(rig.warnings.length, 1);
    assert.deepEqual(withoutKept(await rig.snapshot()), withoutKept(installed));
    assert.equal((await rig.snapshot())[`${path.slice(1)}.before-install`], edited[path.slice(1)]);

    await uninstall(rig.machine, { force: false });
    assert.deepEqual(withoutKept(await rig.snapshot()), withoutKept(before));
    assert.equal((await rig.snapshot())[`${path.slice(1)}.before-install`], edited[path.slice(1)]);
  });

  test(`${path}: if it was removed, --force writes it again and makes no backup`, async () => {
    await using rig = await createRig();
    await MANAGERS[manager](rig);
    const before = await rig.snapshot();
    await install(rig.machine, TARGET);
    const installed = await rig.snapshot();
    await rig.machine.fs.remove(path);
    await install(rig.machine, TARGET, FORCE);
    assert.deepEqual(await rig.snapshot(), installed);
    await uninstall(rig.machine, { force: false });
    assert.deepEqual(await rig.snapshot(), before);
  });
}

test('if a shared file was edited as well, nothing is taken back without --force, and the error names that file alone', async () => {
  await using rig = await createRig();
  await MANAGERS.openresolv(rig);
  await install(rig.machine, TARGET);
  await rig.write(RESOLV_CONF, OF_THE_NETWORK);
  await rig.write('/etc/resolvconf.conf', 'resolv_conf=/etc/resolv.conf\n');
  const edited = await rig.snapshot();
  await assert.rejects(install(rig.machine, TARGET), { code: 'ERR_SYSTEM_EDITED', detail: '/etc/resolvconf.conf' });
  assert.deepEqual(await rig.snapshot(), edited);
  await install(rig.machine, TARGET, FORCE);
  assert.equal(await rig.text(KEPT), OF_THE_NETWORK);
});

test('files of a manager that has stopped are taken back as well', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  const installed = await rig.snapshot();
  rig.answers.clear();
  await rig.write('/etc/NetworkManager/conf.d/zz-dns4tor.conf', '[main]\n');
  await install(rig.machine, TARGET);
  assert.deepEqual(withoutKept(await rig.snapshot()), withoutKept(installed));
  await uninstall(rig.machine, { force: false });
  assert.deepEqual(withoutKept(await rig.snapshot()), withoutKept(before));
});

test("a link to resolved's stub that replaced our file is kept as a link", async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  await rig.machine.fs.remove(RESOLV_CONF);
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  assert.match(await rig.text(RESOLV_CONF), /^nameserver 127\.0\.0\.1$/m);
  assert.match((await rig.snapshot())[KEPT.slice(1)] ?? '', /→ \.\.\/run\/systemd\/resolve\/stub-resolv\.conf$/);
  // A manager that appeared since is configured as well.
  assert.match(await rig.text('/etc/systemd/resolved.conf.d/zz-dns4tor.conf'), /^Domains=~\.$/m);
});

test('a backup is never overwritten, and equal versions are kept once', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  for (const server of ['192.0.2.7', '192.0.2.8', '192.0.2.8']) {
    await rig.write(RESOLV_CONF, `nameserver ${server}\n`);
    await install(rig.machine, TARGET);
  }
  assert.equal(await rig.text(KEPT), 'nameserver 192.0.2.7\n');
  assert.equal(await rig.text(`${KEPT}-2`), 'nameserver 192.0.2.8\n');
  assert.ok(!(`${KEPT}-3`.slice(1) in (await rig.snapshot())));
});

test('uninstall --force keeps an older copy as well', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  for (const server of ['192.0.2.7', '192.0.2.8']) {
    await install(rig.machine, TARGET);
    await rig.write(RESOLV_CONF, `nameserver ${server}\n`);
    await uninstall(rig.machine, FORCE);
  }
  assert.equal(await rig.text(`${RESOLV_CONF}.before-uninstall`), 'nameserver 192.0.2.7\n');
  assert.equal(await rig.text(`${RESOLV_CONF}.before-uninstall-2`), 'nameserver 192.0.2.8\n');
});

test('a backup retains its owner', { skip: process.getuid?.() !== 0 }, async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  await rig.write(RESOLV_CONF, OF_THE_NETWORK, 0o600);
  await chown(join(rig.root, RESOLV_CONF), 1234, 5678);
  await install(rig.machine, TARGET, FORCE);
  assert.match((await rig.snapshot())[KEPT.slice(1)] ?? '', /^100600 1234:5678 /);
});

test('if nothing was changed, --force makes no difference', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  await install(rig.machine, TARGET, FORCE);
  const installed = await rig.snapshot();
  await install(rig.machine, TARGET, FORCE);
  assert.deepEqual(await rig.snapshot(), installed);
});

test('a dry run shows what would be taken back, and where the copy would be', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET);
  await rig.write(RESOLV_CONF, OF_THE_NETWORK);
  const edited = await rig.snapshot();
  const text = renderPreview(await previewInstallation(rig.machine, TARGET));
  assert.match(text, /^# .*\/etc\/resolv\.conf\.before-install:\n--- \/etc\/resolv\.conf$/m);
  assert.match(text, /^-nameserver 192\.168\.1\.1$/m);
  assert.match(text, /^\+nameserver 127\.0\.0\.1$/m);
  assert.deepEqual(await rig.snapshot(), edited);
});

test('the deadline for confirm is kept when a file is taken back', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  const { untilEpochMs } = await install(rig.machine, TARGET, { confirmWithinMs: 60_000 });
  await rig.write('/etc/systemd/resolved.conf.d/zz-dns4tor.conf', '[Resolve]\n');
  assert.deepEqual(await install(rig.machine, TARGET), {
    ...(await readJournal(rig.machine.fs)),
    phase: 'unconfirmed',
    untilEpochMs,
  });
});

for (const failing of ['once before', 'once after'] as const) {
  test(`all is taken back or nothing has changed, whichever operation fails (${failing})`, async () => {
    for await (const { rig, edited, error, nth } of interruptEach(failing)) {
      const after = await rig.snapshot();
      delete (after as Record<string, string>)['run/dns4tor-install.lock'];
      if (error === undefined) assert.match(await rig.text(RESOLV_CONF), /^nameserver 127\.0\.0\.1$/m);
      else assert.deepEqual(after, edited, `operation ${nth}`);
    }
  });
}

test('running --force again completes an interrupted run, and neither version is lost', async () => {
  for await (const { rig, before, nth } of interruptEach('for good')) {
    await install(rig.reborn(), TARGET, FORCE);
    assert.match(await rig.text(RESOLV_CONF), /^nameserver 127\.0\.0\.1$/m, `operation ${nth}`);
    await uninstall(rig.reborn(), { force: false });
    assert.deepEqual(withoutKept(await rig.snapshot()), withoutKept(before), `operation ${nth}`);
    assert.equal(await rig.text(KEPT), OF_THE_NETWORK, `operation ${nth}`);
  }
});

test('--force ends an interrupted pause during which another program wrote the file', async () => {
  await using rig = await createRig();
  await MANAGERS.NetworkManager(rig);
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  const fs = failWith(rig.machine.fs, { rename: 'EIO' }, (path) => path.includes('resolv.conf'));
  await assert.rejects(pause({ ...rig.machine, fs }, 60_000), { code: 'ERR_SYSTEM_FILE' });
  await rig.write(RESOLV_CONF, OF_THE_NETWORK);
  await assert.rejects(install(rig.reborn(), TARGET), { code: 'ERR_SYSTEM_EDITED' });
  await install(rig.reborn(), TARGET, FORCE);
  assert.equal(await rig.text(KEPT), OF_THE_NETWORK);
  await uninstall(rig.reborn(), { force: false });
  assert.deepEqual(withoutKept(await rig.snapshot()), withoutKept(before));
});

interface Interrupted {
  readonly rig: Rig;
  readonly before: Readonly<Record<string, string>>;
  readonly edited: Readonly<Record<string, string>>;
  readonly error: unknown;
  readonly nth: number;
}

/** Repeats on fresh machines, failing one operation later each time, until no operation is left to fail. */
async function* interruptEach(failing: Parameters<typeof failAt>[2]): AsyncGenerator<Interrupted> {
  await using directory = await createTemporaryDirectory();
  for (let nth = 1; ; nth++) {
    const root = join(directory.path, String(nth));
    await using rig = await createRigIn(root, () => rm(root, { recursive: true }));
    await MANAGERS.dhclient(rig);
    const before = await rig.snapshot();
    await install(rig.machine, TARGET);
    await rig.write(RESOLV_CONF, OF_THE_NETWORK);
    await rig.machine.fs.remove('/etc/dhcp/dhclient-enter-hooks.d/dns4tor');
    const edited = await rig.snapshot();
    const failure = failAt(createFileSystem(root), nth, failing);
    const error: unknown = await install(rig.reborn(failure.fs), TARGET).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!failure.hasFailed) {
      assert.ok(nth > 5, 'there was hardly anything to fail');
      return;
    }
    yield { rig, before, edited, error, nth };
  }
}
