import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { NOT_FOUND } from '../../src/system/command.ts';
import { confirm } from '../../src/system/confirm.ts';
import { install } from '../../src/system/install.ts';
import { pause } from '../../src/system/pause.ts';
import { settle, waitUntilDue } from '../../src/system/settle.ts';
import { readJournal } from '../../src/system/transaction/journal.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { failWith } from './failing-file-system.ts';
import { createRig, MANAGERS, type Rig, TARGET } from './rig.ts';

const MINUTE_MS = 60_000;
const TIMER = '/etc/systemd/system/dns4tor-settle.timer';
const START_TIMER = 'systemctl restart dns4tor-settle.timer';

async function createPlainRig(): Promise<Rig> {
  const rig = await createRig();
  await MANAGERS['a plain file'](rig);
  return rig;
}

async function phaseOf({ machine }: Rig): Promise<string> {
  return (await readJournal(machine.fs))?.phase ?? 'none';
}

/** Waits as the commands do, while the clock advances second by second. `meanwhile` runs first. */
async function waitInForeground(
  rig: Rig,
  {
    signal = new AbortController().signal,
    meanwhile = async () => {},
  }: { signal?: AbortSignal; meanwhile?: () => Promise<unknown> },
): Promise<string> {
  const until = (await readJournal(rig.machine.fs))?.untilEpochMs ?? 0;
  const over = new AbortController();
  const waiting = waitUntilDue(until, { fs: rig.machine.fs, clock: rig.clock, signal, onTick: () => {} });
  void waiting.finally(() => over.abort());
  await rig.clock.advanceAsync(0);
  await meanwhile();
  // Each tick reads the journal, which takes several turns of the event loop.
  while (!over.signal.aborted) await rig.clock.advanceAsync(rig.clock.pendingTimers > 0 ? 1000 : 0);
  return waiting;
}

for (const byMs of [-3_600_000, 3_600_000]) {
  test(`stepping the wall clock by ${byMs} ms does not extend a pause`, async () => {
    await using rig = await createPlainRig();
    await install(rig.machine, TARGET);
    await pause(rig.machine, 10 * MINUTE_MS);
    const startedAt = rig.clock.now();
    assert.equal(await waitInForeground(rig, { meanwhile: async () => rig.clock.setWallClock(byMs) }), 'due');
    const elapsedMs = rig.clock.now() - startedAt;
    assert.ok(elapsedMs <= 11 * MINUTE_MS, `${elapsedMs}`);
  });
}

test('an unconfirmed installation is rolled back at its deadline, not before', async () => {
  await using rig = await createPlainRig();
  const before = await rig.snapshot();
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  assert.equal(await phaseOf(rig), 'unconfirmed');
  rig.clock.advance(MINUTE_MS - 1);
  assert.equal(await settle(rig.machine, false), 'nothing');
  assert.equal(await phaseOf(rig), 'unconfirmed');
  rig.clock.advance(1);
  assert.equal(await settle(rig.machine, false), 'rolled-back');
  assert.deepEqual(await rig.snapshot(), before);
  await assert.rejects(confirm(rig.machine), { code: 'ERR_SYSTEM_NOT_INSTALLED' });
});

test('a confirmed installation stays', async () => {
  await using rig = await createPlainRig();
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  assert.equal(await confirm(rig.machine), true);
  rig.clock.advance(2 * MINUTE_MS);
  assert.equal(await settle(rig.machine, false), 'nothing');
  assert.match(await rig.text('/etc/resolv.conf'), /127\.0\.0\.1/);
  assert.equal(await confirm(rig.machine), false);
});

test('the wait for a confirmation ends with it, and at the deadline', async () => {
  await using rig = await createPlainRig();
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  assert.equal(await waitInForeground(rig, {}), 'due');
  assert.equal(await settle(rig.machine, false), 'rolled-back');
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  assert.equal(await waitInForeground(rig, { meanwhile: () => confirm(rig.machine) }), 'changed');
  assert.equal(await phaseOf(rig), 'installed');
});

test('a pause restores the network’s own resolver, and ends by itself', async () => {
  await using rig = await createPlainRig();
  const before = await rig.text('/etc/resolv.conf');
  await install(rig.machine, TARGET);
  const { untilEpochMs } = await pause(rig.machine, 10 * MINUTE_MS);
  assert.equal(untilEpochMs, rig.clock.epochMs() + 10 * MINUTE_MS);
  assert.equal(await rig.text('/etc/resolv.conf'), before);
  assert.equal(await settle(rig.machine, false), 'nothing');
  assert.equal(await waitInForeground(rig, {}), 'due');
  assert.equal(await settle(rig.machine, false), 'resumed');
  assert.match(await rig.text('/etc/resolv.conf'), /127\.0\.0\.1/);
  assert.equal(await phaseOf(rig), 'installed');
  assert.equal(rig.clock.pendingTimers, 0);
});

test('a pause can be ended early', async () => {
  await using rig = await createPlainRig();
  await install(rig.machine, TARGET);
  await pause(rig.machine, 10 * MINUTE_MS);
  assert.equal(await waitInForeground(rig, { signal: AbortSignal.abort() }), 'aborted');
  assert.equal(await settle(rig.machine, true), 'resumed');
  await pause(rig.machine, 10 * MINUTE_MS);
  await install(rig.machine, TARGET);
  assert.equal(await phaseOf(rig), 'installed');
  assert.match(await rig.text('/etc/resolv.conf'), /127\.0\.0\.1/);
});

test('a pause ends even if names are not resolved then, which is reported', async () => {
  await using rig = await createPlainRig();
  await install(rig.machine, TARGET);
  await pause(rig.machine, MINUTE_MS);
  rig.checks.upstream = () => Promise.reject(new Error('Tor is not ready'));
  rig.checks.nameserver = () => Promise.reject(new Error('Tor is not ready'));
  rig.clock.advance(MINUTE_MS);
  assert.equal(await settle(rig.machine, false), 'resumed-unchecked');
  assert.match(await rig.text('/etc/resolv.conf'), /127\.0\.0\.1/);
});

test('uninstall restores what the network wrote during a pause', async () => {
  await using rig = await createPlainRig();
  await install(rig.machine, TARGET);
  await pause(rig.machine, MINUTE_MS);
  await rig.write('/etc/resolv.conf', 'nameserver 10.0.0.1\n');
  await settle(rig.machine, true);
  await uninstall(rig.machine, { force: false });
  assert.equal(await rig.text('/etc/resolv.conf'), 'nameserver 10.0.0.1\n');
});

test('a second pause changes the end of the first', async () => {
  await using rig = await createPlainRig();
  await install(rig.machine, TARGET);
  await pause(rig.machine, MINUTE_MS);
  rig.clock.advance(MINUTE_MS / 2);
  await pause(rig.machine, MINUTE_MS);
  rig.clock.advance(MINUTE_MS - 1);
  assert.equal(await settle(rig.machine, false), 'nothing');
  rig.clock.advance(1);
  assert.equal(await settle(rig.machine, false), 'resumed');
});

test('a pause is refused if dns4tor is not installed, unconfirmed or edited, and nothing is changed', async () => {
  await using rig = await createPlainRig();
  await assert.rejects(pause(rig.machine, MINUTE_MS), { code: 'ERR_SYSTEM_NOT_INSTALLED' });
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  await assert.rejects(pause(rig.machine, MINUTE_MS), { code: 'ERR_SYSTEM_NOT_INSTALLED' });
  await confirm(rig.machine);
  await rig.write('/etc/resolv.conf', 'nameserver 9.9.9.9\n');
  const before = await rig.snapshot();
  await assert.rejects(pause(rig.machine, MINUTE_MS), { code: 'ERR_SYSTEM_EDITED' });
  assert.deepEqual(await rig.snapshot(), before);
});

test('if the end of a pause fails to install, the pause remains, and install can end it', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  await pause(rig.machine, MINUTE_MS);
  const paused = await rig.snapshot();
  const reload = 'systemctl restart systemd-resolved.service';
  let runs = 0;
  const failing = {
    ...rig.machine,
    run: (command: Parameters<typeof rig.machine.run>[0]) =>
      command.join(' ') === reload && ++runs === 1
        ? Promise.resolve({ status: 1, stdout: '', stderr: 'Job failed.' })
        : rig.machine.run(command),
  };
  await assert.rejects(settle(failing, true), { code: 'ERR_SYSTEM_COMMAND' });
  assert.deepEqual(await rig.snapshot(), paused);
  await install(rig.machine, TARGET);
  assert.equal(await phaseOf(rig), 'installed');
});

test('uninstall during a pause ends it for good', async () => {
  await using rig = await createPlainRig();
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  await pause(rig.machine, MINUTE_MS);
  await uninstall(rig.machine, { force: false });
  assert.deepEqual(await rig.snapshot(), before);
  rig.clock.advance(MINUTE_MS);
  assert.equal(await settle(rig.machine, false), 'nothing');
});

test('with systemd, a timer that survives a reboot ends the pause, and is removed with it', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  const installed = await rig.snapshot();
  rig.commands.length = 0;
  const { untilEpochMs = 0 } = await pause(rig.machine, MINUTE_MS);
  assert.match(await rig.text(TIMER), new RegExp(`^OnCalendar=@${Math.ceil(untilEpochMs / 1000)}$`, 'm'));
  assert.match(await rig.text(TIMER), /^Persistent=true$/m);
  const service = await rig.text(TIMER.replace('.timer', '.service'));
  assert.match(service, /^ExecStart="\/usr\/bin\/node" "\/opt\/dns4tor\/dist\/launch\/dns4tor\.js" "settle"$/m);
  // A failure must be retried without limit.
  assert.match(service, /^Restart=on-failure$/m);
  assert.match(service, /^\[Unit\]\n(?:[^[]+\n)?StartLimitIntervalSec=0$/m);
  assert.match(service, /^WantedBy=multi-user\.target$/m);
  // The stamp is older than the timer, so a timer whose time has passed elapses as soon as it is started.
  assert.equal(await rig.text('/var/lib/systemd/timers/stamp-dns4tor-settle.timer'), '');
  assert.deepEqual(rig.commands.splice(0), [
    'systemctl daemon-reload',
    'systemctl enable dns4tor-settle.timer dns4tor-settle.service',
    'systemctl restart dns4tor-settle.timer',
    'systemctl restart systemd-resolved.service',
  ]);
  await settle(rig.machine, true);
  assert.deepEqual(Object.keys(await rig.snapshot()), Object.keys(installed));
  assert.ok(rig.commands.includes('systemctl disable --now dns4tor-settle.timer'));
  assert.ok(rig.commands.includes('systemctl disable dns4tor-settle.service'));
});

test('a pause does not begin if its timer cannot be armed', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  const before = await rig.snapshot();
  rig.answers.set(START_TIMER, { status: 1, stderr: 'Failed to connect to bus\n' });
  await assert.rejects(pause(rig.machine, MINUTE_MS), {
    code: 'ERR_SYSTEM_COMMAND',
    message: /Failed to connect to bus/,
  });
  assert.deepEqual(await rig.snapshot(), before);
});

test('if the end of a pause cannot be changed, the old end and its timer stay', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  await pause(rig.machine, MINUTE_MS);
  const paused = await rig.snapshot();
  rig.answers.set(START_TIMER, { status: 1, stderr: 'Failed to connect to bus\n' });
  await assert.rejects(pause(rig.machine, 2 * MINUTE_MS), { code: 'ERR_SYSTEM_COMMAND' });
  assert.deepEqual(await rig.snapshot(), paused);
});

for (const confirmWithinMs of [undefined, MINUTE_MS]) {
  const kind = confirmWithinMs === undefined ? '' : ' with a time to confirm';
  test(`an install${kind} that fails during a pause leaves the pause as it was, and it ends by itself`, async () => {
    await using rig = await createRig();
    await MANAGERS['systemd-resolved'](rig);
    await install(rig.machine, TARGET);
    await pause(rig.machine, 10 * MINUTE_MS);
    const paused = await rig.snapshot();
    rig.checks.nameserver = () => Promise.reject(new Error('Tor is slow'));
    await assert.rejects(install(rig.machine, TARGET, { confirmWithinMs }), /Tor is slow/);
    assert.deepEqual(await rig.snapshot(), paused);
    rig.clock.advance(10 * MINUTE_MS);
    assert.equal(await settle(rig.machine, false), 'resumed-unchecked');
    assert.equal(await phaseOf(rig), 'installed');
  });
}

test('install --confirm-within ends a pause, and is rolled back if not confirmed', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  const before = await rig.snapshot();
  await install(rig.machine, TARGET);
  await pause(rig.machine, 10 * MINUTE_MS);
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  assert.equal(await phaseOf(rig), 'unconfirmed');
  rig.clock.advance(MINUTE_MS);
  assert.equal(await settle(rig.machine, false), 'rolled-back');
  assert.deepEqual(await rig.snapshot(), before);
});

test('a manager that is gone prevents neither a pause nor its end', async () => {
  await using rig = await createRig();
  await MANAGERS['NetworkManager with systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  rig.answers.set('nmcli --get-values RUNNING general', { status: NOT_FOUND });
  rig.answers.set('nmcli general reload', { status: NOT_FOUND });
  await pause(rig.machine, MINUTE_MS);
  assert.equal(await phaseOf(rig), 'paused');
  assert.match(rig.warnings.join('\n'), /^nmcli general reload: status 127; [^\n]+$/);
  assert.equal(await settle(rig.machine, true), 'resumed');
});

test('if the end of a pause fails and cannot be rolled back either, both errors are reported', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  await install(rig.machine, TARGET);
  await pause(rig.machine, MINUTE_MS);
  const dropIn = '/etc/systemd/resolved.conf.d/zz-dns4tor.conf';
  const fs = failWith(rig.machine.fs, { remove: 'EROFS' }, (path) => path === dropIn);
  rig.answers.set('systemctl restart systemd-resolved.service', { status: 1, stderr: 'Job failed.\n' });
  const error: unknown = await settle({ ...rig.machine, fs }, true).catch((reason: unknown) => reason);
  assert.ok(error instanceof Dns4torError && error.cause instanceof AggregateError);
  assert.equal(error.code, 'ERR_SYSTEM_HALFWAY');
  assert.match(error.message, /Job failed/);
  assert.match(String(error.cause.errors[1]), /EROFS/);
  // The pause was to end, so the next settle completes that, even before the deadline.
  rig.answers.clear();
  rig.answers.set('systemctl is-active --quiet systemd-resolved.service', { status: 0 });
  assert.equal(await settle(rig.machine, false), 'resumed');
});
