import assert from 'node:assert/strict';
import { test } from 'node:test';
import { install } from '../../src/system/install.ts';
import { pause } from '../../src/system/pause.ts';
import { SystemResolverWatch } from '../../src/system/system-resolver-watch.ts';
import { createFileSystem } from '../../src/system/transaction/file-system.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { createRig, MANAGERS, type Rig, TARGET } from './rig.ts';

const LOOK_MS = 10_000;
const CONFIRM_MS = 2000;
const MINUTE_MS = 60_000;
const PATIENCE_MS = 5000;
const RESOLV_CONF = '/etc/resolv.conf';

interface Watched extends AsyncDisposable {
  readonly rig: Rig;
  readonly watch: SystemResolverWatch;
  readonly clock: ManualClock;
  /** Reported losses and returns since the last call. */
  readonly reports: () => readonly string[];
  /** Lets time pass, and waits for the look that is due then. */
  readonly after: (ms: number) => Promise<void>;
}

/** Watches a machine, on which dns4tor is installed unless the test says otherwise. */
async function watchMachine(isInstalled = true): Promise<Watched> {
  await using resources = new AsyncDisposableStack();
  const rig = resources.use(await createRig());
  await MANAGERS.NetworkManager(rig);
  if (isInstalled) await install(rig.machine, TARGET);
  const clock = new ManualClock();
  const reports: string[] = [];
  const watch = resources.use(
    new SystemResolverWatch(
      {
        fs: createFileSystem(rig.root),
        clock,
        isOwn: ({ address, port }) => address === TARGET.address && port === TARGET.port,
      },
      { onLost: ({ code }) => reports.push(code), onBack: () => reports.push('back') },
    ),
  );
  const looked = (): Promise<void> => waitUntil('a look is done', PATIENCE_MS, () => clock.pendingTimers === 1);
  await looked();
  const running = resources.move();
  return {
    rig,
    watch,
    clock,
    reports: () => reports.splice(0),
    async after(ms) {
      clock.advance(ms);
      await looked();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

test('a loss is reported once, and once when it is over', async () => {
  await using watched = await watchMachine();
  const { rig, watch, after, reports } = watched;
  assert.equal(watch.current.state, 'leads_here');
  await rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n');
  await after(LOOK_MS);
  await after(CONFIRM_MS);
  assert.equal(watch.current.state, 'elsewhere');
  assert.deepEqual(reports(), ['ERR_SYSTEM_ELSEWHERE']);
  await rig.write(RESOLV_CONF, 'nameserver 192.0.2.2\n');
  for (let i = 0; i < 3; i++) await after(LOOK_MS);
  assert.deepEqual(reports(), []);

  await install(rig.machine, TARGET);
  await after(LOOK_MS);
  assert.equal(watch.current.state, 'leads_here');
  await after(LOOK_MS);
  assert.deepEqual(reports(), ['back']);
});

test('a look that finds nothing out does not end a loss', async () => {
  await using watched = await watchMachine();
  const { rig, watch, after, reports } = watched;
  const notice = await rig.text('/var/lib/dns4tor-install.json');
  await rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n');
  await after(LOOK_MS);
  await after(CONFIRM_MS);
  await rig.write('/var/lib/dns4tor-install.json', '{');
  await after(LOOK_MS);
  assert.equal(watch.current.state, 'unknown');
  await rig.write('/var/lib/dns4tor-install.json', notice);
  await after(LOOK_MS);
  await after(CONFIRM_MS);
  assert.equal(watch.current.state, 'elsewhere');
  assert.deepEqual(reports(), ['ERR_SYSTEM_ELSEWHERE']);
  await install(rig.machine, TARGET);
  await after(LOOK_MS);
  assert.deepEqual(reports(), ['back']);
});

test('a loss before the start is reported, too', async () => {
  await using watched = await watchMachine();
  const { rig, clock } = watched;
  await rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n');
  const reports: string[] = [];
  await using _ = new SystemResolverWatch(
    { fs: createFileSystem(rig.root), clock, isOwn: ({ address }) => address === TARGET.address },
    { onLost: ({ code }) => reports.push(code), onBack: () => {} },
  );
  await waitUntil('the first look is done', PATIENCE_MS, () => clock.pendingTimers === 2);
  clock.advance(CONFIRM_MS);
  await waitUntil('the second look is done', PATIENCE_MS, () => clock.pendingTimers === 2);
  assert.deepEqual(reports, ['ERR_SYSTEM_ELSEWHERE']);
});

test('a file that is missing or foreign for a moment only is not reported', async () => {
  await using watched = await watchMachine();
  const { rig, watch, after, reports } = watched;
  const ours = await rig.text(RESOLV_CONF);
  for (let i = 0; i < 2; i++) {
    await rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n');
    await after(LOOK_MS);
    assert.equal(watch.current.state, 'leads_here');
    await rig.write(RESOLV_CONF, ours);
    await after(CONFIRM_MS);
    await after(LOOK_MS);
  }
  assert.equal(watch.current.state, 'leads_here');
  assert.deepEqual(reports(), []);
});

test('a pause and uninstall are no loss, and nothing is reported where dns4tor was never installed', async () => {
  await using watched = await watchMachine(false);
  const { rig, watch, after, reports } = watched;
  const states: string[] = [];
  const look = async (): Promise<void> => {
    await after(LOOK_MS);
    states.push(watch.current.state);
  };
  await look();
  await install(rig.machine, TARGET);
  await look();
  await pause(rig.machine, MINUTE_MS);
  await look();
  await install(rig.machine, TARGET);
  await look();
  await uninstall(rig.machine, { force: false });
  await look();
  assert.deepEqual(states, ['not_installed', 'leads_here', 'paused', 'leads_here', 'not_installed']);
  assert.deepEqual(reports(), []);
});

test('uninstall ends a loss without a line, and the next loss is reported again', async () => {
  await using watched = await watchMachine();
  const { rig, watch, after, reports } = watched;
  const lose = async (): Promise<void> => {
    await rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n');
    await after(LOOK_MS);
    await after(CONFIRM_MS);
  };
  await lose();
  await uninstall(rig.machine, { force: true });
  await after(LOOK_MS);
  assert.equal(watch.current.state, 'not_installed');
  await install(rig.machine, TARGET);
  await after(LOOK_MS);
  await lose();
  assert.deepEqual(reports(), ['ERR_SYSTEM_ELSEWHERE', 'ERR_SYSTEM_ELSEWHERE']);
});

test('the watch changes nothing, and disposing ends it, also during a look', async () => {
  await using watched = await watchMachine();
  const { rig, watch, clock } = watched;
  await rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n');
  const before = await rig.snapshot();
  clock.advance(LOOK_MS);
  await watch[Symbol.asyncDispose]();
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(await rig.snapshot(), before);
});
