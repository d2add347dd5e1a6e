import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { confirm } from '../../src/system/confirm.ts';
import { install } from '../../src/system/install.ts';
import type { Machine } from '../../src/system/machine.ts';
import { pause } from '../../src/system/pause.ts';
import { settle } from '../../src/system/settle.ts';
import { createFileSystem } from '../../src/system/transaction/file-system.ts';
import { readJournal } from '../../src/system/transaction/journal.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type Failing, failAt } from './failing-file-system.ts';
import { createRigIn, MANAGERS, type Rig, TARGET } from './rig.ts';

/*
 * Makes each file operation fail in turn, from the first to the last. Pauses and systemd's timer are included.
 */

const MANY_FILES = 'NetworkManager with systemd-resolved';
const PAUSE_MS = 600_000;

/** A machine that needs every kind of change: new directories, new files, a replaced link, a replaced file. */
async function createBusyRig(root: string): Promise<Rig> {
  const rig = await createRigIn(root, () => rm(root, { recursive: true }));
  await MANAGERS[MANY_FILES](rig);
  await rig.machine.fs.remove('/etc/resolv.conf');
  await rig.write('/run/systemd/resolve/resolv.conf', 'nameserver 192.168.1.1\n');
  await rig.link('/etc/resolv.conf', '/run/systemd/resolve/resolv.conf');
  await rig.write('/etc/dhcpcd.conf', '');
  await rig.write('/etc/dhcpcd.enter-hook', 'true');
  return rig;
}

interface Interrupted {
  readonly rig: Rig;
  readonly before: Readonly<Record<string, string>>;
  readonly error: unknown;
  readonly nth: number;
}

/** Repeats `work` on fresh machines. Each time, the failure is one operation later, until none is left to fail. */
async function interruptEach(
  failing: Failing,
  work: (machine: Machine) => Promise<unknown>,
  check: (interrupted: Interrupted) => Promise<void>,
  prepare: (rig: Rig) => Promise<unknown> = async () => {},
): Promise<void> {
  await using directory = await createTemporaryDirectory();
  for (let nth = 1; ; nth++) {
    await using rig = await createBusyRig(join(directory.path, String(nth)));
    const before = await rig.snapshot();
    await prepare(rig);
    const failure = failAt(createFileSystem(rig.root), nth, failing);
    const error: unknown = await work(rig.reborn(failure.fs)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!failure.hasFailed) {
      assert.ok(nth > 5, 'there was hardly anything to fail');
      return;
    }
    await check({ rig, before, error, nth });
  }
}

for (const failing of ['once before', 'once after'] as const) {
  test(`install is all or nothing, whichever operation fails (${failing})`, () =>
    interruptEach(
      failing,
      (machine) => install(machine, TARGET),
      async ({ rig, before, error, nth }) => {
        const after = await rig.snapshot();
        delete (after as Record<string, string>)['run/dns4tor-install.lock'];
        if (error === undefined) assert.ok('var/lib/dns4tor-install/journal.json' in after, `operation ${nth}`);
        else assert.deepEqual(after, before, `operation ${nth}: ${error instanceof Error ? error.message : ''}`);
      },
    ));

  test(`a second uninstall completes one that failed (${failing})`, () =>
    interruptEach(
      failing,
      (machine) => uninstall(machine, { force: false }),
      uninstallRestores,
      (rig) => install(rig.machine, TARGET),
    ));
}

test('uninstall restores everything after an install interrupted at any operation', () =>
  interruptEach('for good', (machine) => install(machine, TARGET), uninstallRestores));

test('a second install completes one interrupted at any operation', () =>
  interruptEach(
    'for good',
    (machine) => install(machine, TARGET),
    async (interrupted) => {
      await install(interrupted.rig.reborn(), TARGET);
      assert.match(await interrupted.rig.text('/etc/resolv.conf'), /^nameserver 127\.0\.0\.1$/m);
      await uninstallRestores(interrupted);
    },
  ));

test('the timer rolls back an unconfirmed install interrupted at any operation', () =>
  interruptEach(
    'for good',
    (machine) => install(machine, TARGET, { confirmWithinMs: PAUSE_MS }),
    async (interrupted) => {
      interrupted.rig.clock.advance(PAUSE_MS);
      await settle(interrupted.rig.reborn(), false);
      assert.match((await interrupted.rig.snapshot())['etc/resolv.conf'] ?? '', /^120777 .*\/run\/systemd\/resolve/);
      await uninstallRestores(interrupted);
    },
  ));

test('a second uninstall completes one interrupted at any operation', () =>
  interruptEach(
    'for good',
    (machine) => uninstall(machine, { force: false }),
    uninstallRestores,
    (rig) => install(rig.machine, TARGET),
  ));

test('an interrupted confirm leaves an installation that can be rolled back', () =>
  interruptEach(
    'for good',
    (machine) => confirm(machine),
    uninstallRestores,
    (rig) => install(rig.machine, TARGET, { confirmWithinMs: PAUSE_MS }),
  ));

test('the timer ends a pause whose beginning was interrupted at any operation', () =>
  interruptEach(
    'for good',
    (machine) => pause(machine, PAUSE_MS),
    async (interrupted) => {
      const { rig, nth } = interrupted;
      rig.clock.advance(PAUSE_MS);
      await settle(rig.reborn(), false);
      assert.match(await rig.text('/etc/resolv.conf'), /^nameserver 127\.0\.0\.1$/m, `operation ${nth}`);
      await uninstallRestores(interrupted);
    },
    (rig) => install(rig.machine, TARGET),
  ));

test('an interrupted install during a pause leaves dns4tor installed, or a timer that will install it', () =>
  interruptEach(
    'for good',
    (machine) => install(machine, TARGET, { confirmWithinMs: PAUSE_MS / 2 }),
    async (interrupted) => {
      const { rig, nth } = interrupted;
      const { phase } = (await readJournal(rig.machine.fs)) ?? {};
      assert.ok(phase === 'unconfirmed' || phase === 'paused' || phase === 'resuming', `operation ${nth}: ${phase}`);
      assert.ok('etc/systemd/system/dns4tor-settle.timer' in (await rig.snapshot()), `operation ${nth}`);
      // The earlier of the two times at which the timer may elapse.
      rig.clock.advance(PAUSE_MS / 2);
      const settled = await settle(rig.reborn(), false);
      const expected = { unconfirmed: 'rolled-back', paused: 'nothing', resuming: 'resumed' }[phase];
      assert.equal(settled, expected, `operation ${nth}`);
      await uninstallRestores(interrupted);
    },
    async (rig) => {
      await install(rig.machine, TARGET);
      await pause(rig.machine, PAUSE_MS);
    },
  ));

for (const confirmWithinMs of [undefined, PAUSE_MS / 2]) {
  const kind = confirmWithinMs === undefined ? '' : ' with a time to confirm';
  test(`install${kind} during a pause is done completely, or the pause continues, whichever operation fails`, () =>
    interruptEach(
      'once before',
      (machine) => install(machine, TARGET, { confirmWithinMs }),
      async ({ rig, error, nth }) => {
        const { phase, untilEpochMs } = (await readJournal(rig.machine.fs)) ?? {};
        const done = confirmWithinMs === undefined ? 'installed' : 'unconfirmed';
        assert.equal(phase, error === undefined ? done : 'paused', `operation ${nth}`);
        const timer = (await rig.snapshot())['etc/systemd/system/dns4tor-settle.timer'];
        const elapses = /^OnCalendar=@(\d+)$/m.exec(timer ?? '')?.[1];
        assert.equal(elapses, untilEpochMs === undefined ? undefined : String(untilEpochMs / 1000), `operation ${nth}`);
      },
      async (rig) => {
        await install(rig.machine, TARGET);
        await pause(rig.machine, PAUSE_MS);
      },
    ));
}

test('uninstall restores everything after a resume interrupted at any operation', () =>
  interruptEach(
    'for good',
    (machine) => settle(machine, true),
    uninstallRestores,
    async (rig) => {
      await install(rig.machine, TARGET);
      await pause(rig.machine, PAUSE_MS);
    },
  ));

for (const [next, goOn] of [
  ['its timer comes again', (machine) => settle(machine, false)],
  ['dns4tor is installed', (machine) => install(machine, TARGET)],
  [
    'there is another pause',
    async (machine) => {
      await pause(machine, PAUSE_MS);
      await settle(machine, true);
    },
  ],
] as const satisfies readonly (readonly [string, (machine: Machine) => Promise<unknown>])[]) {
  test(`a resume interrupted at any operation is completed when ${next}`, () =>
    interruptEach(
      'for good',
      (machine) => settle(machine, true),
      async (interrupted) => {
        const { rig, nth } = interrupted;
        rig.clock.advance(PAUSE_MS);
        await goOn(rig.reborn());
        assert.match(await rig.text('/etc/resolv.conf'), /^nameserver 127\.0\.0\.1$/m, `operation ${nth}`);
        assert.equal((await readJournal(rig.machine.fs))?.phase, 'installed', `operation ${nth}`);
        await uninstallRestores(interrupted);
      },
      async (rig) => {
        await install(rig.machine, TARGET);
        await pause(rig.machine, PAUSE_MS);
      },
    ));
}

async function uninstallRestores({ rig, before, nth }: Interrupted): Promise<void> {
  await uninstall(rig.reborn(), { force: false });
  assert.deepEqual(await rig.snapshot(), before, `operation ${nth}`);
}
