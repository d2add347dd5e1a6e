import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureKind } from '../../src/failures/failures.ts';
import type { SystemResolver } from '../../src/model/system-resolver.ts';
import { confirm } from '../../src/system/confirm.ts';
import { findSystemResolver } from '../../src/system/find-system-resolver.ts';
import { install } from '../../src/system/install.ts';
import type { Target } from '../../src/system/machine.ts';
import { pause } from '../../src/system/pause.ts';
import { createFileSystem, type FileSystem } from '../../src/system/transaction/file-system.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { failWith } from './failing-file-system.ts';
import { createRig, MANAGER_NAMES, MANAGERS, type ManagerName, type Rig, TARGET } from './rig.ts';

const MINUTE_MS = 60_000;
const RESOLV_CONF = '/etc/resolv.conf';
const DROP_IN = '/etc/systemd/resolved.conf.d/zz-dns4tor.conf';
const SERVERS = '/run/systemd/resolve/resolv.conf';

/** What the daemon finds, which is not root and listens on `own`. */
function find({ root }: Rig, own: Target = TARGET): Promise<SystemResolver | undefined> {
  const journal = (path: string): boolean => path.startsWith('/var/lib/dns4tor-install/');
  const fs = failWith(createFileSystem(root), { inspect: 'EACCES', read: 'EACCES' }, journal);
  return findSystemResolver(fs, ({ address, port }) => address === own.address && port === own.port);
}

async function stateOf(rig: Rig, own?: Target): Promise<string | undefined> {
  return (await find(rig, own))?.state;
}

async function installOn(manager: ManagerName): Promise<Rig> {
  const rig = await createRig();
  await MANAGERS[manager](rig);
  await install(rig.machine, TARGET);
  return rig;
}

const READ_ONLY: ReadonlySet<keyof FileSystem> = new Set(['inspect', 'read', 'readLink', 'list', 'sync']);

/** A file system of a command, which calls back after each change. */
function watched(inner: FileSystem, onChange: () => Promise<void>): FileSystem {
  return new Proxy(inner, {
    get(target, name: keyof FileSystem) {
      return async (...args: readonly unknown[]): Promise<unknown> => {
        const result = await (target[name] as (...all: readonly unknown[]) => Promise<unknown>)(...args);
        if (!READ_ONLY.has(name)) await onChange();
        return result;
      };
    },
  });
}

for (const manager of MANAGER_NAMES) {
  test(`${manager}: the state follows install, pause and uninstall, and no moment in between looks like a loss`, async () => {
    await using rig = await createRig();
    await MANAGERS[manager](rig);
    assert.equal(await stateOf(rig), 'not_installed');
    const between = new Set<string | undefined>();
    const machine = rig.reborn(watched(createFileSystem(rig.root), async () => void between.add(await stateOf(rig))));
    for (const [command, state] of [
      [() => install(machine, TARGET, { confirmWithinMs: MINUTE_MS }), 'leads_here'],
      [() => confirm(machine), 'leads_here'],
      [() => install(machine, TARGET), 'leads_here'],
      [() => pause(machine, MINUTE_MS), 'paused'],
      [() => install(machine, TARGET), 'leads_here'],
      [() => uninstall(machine, { force: false }), 'not_installed'],
    ] as const) {
      await command();
      assert.equal(await stateOf(rig), state);
    }
    assert.ok(between.size > 1);
    assert.ok(!between.has('elsewhere'));
  });
}

/** What other programs do to resolv.conf, and how it is described. */
const REPLACEMENTS = {
  'writes its own servers': [(rig) => rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n'), '192.0.2.1'],
  'puts another server in front': [
    (rig) => rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\nnameserver 127.0.0.1\n'),
    '192.0.2.1',
  ],
  'puts another server behind': [
    (rig) => rig.write(RESOLV_CONF, 'nameserver 127.0.0.1\nnameserver 2001:db8::1\n'),
    '2001:db8::1',
  ],
  'makes it a link': [
    async (rig) => {
      await rig.write('/run/other/resolv.conf', 'nameserver 192.0.2.1\n');
      await rig.machine.fs.remove(RESOLV_CONF);
      await rig.link(RESOLV_CONF, '../run/other/resolv.conf');
    },
    '192.0.2.1',
  ],
  "makes it a link to systemd-resolved's stub, which dns4tor did not configure": [
    async (rig) => {
      await rig.machine.fs.remove(RESOLV_CONF);
      await MANAGERS['systemd-resolved'](rig);
    },
    '127.0.0.53',
  ],
  'names something that is no address': [(rig) => rig.write(RESOLV_CONF, 'nameserver <b>\n'), 'no IP address'],
} as const satisfies Record<string, readonly [(rig: Rig) => Promise<void>, string]>;

for (const [what, [happen, shown]] of Object.entries(REPLACEMENTS)) {
  test(`a program that ${what} is noticed, and install takes the place back`, async () => {
    await using rig = await installOn('a plain file');
    await happen(rig);
    const found = await find(rig);
    assert.equal(found?.state, 'elsewhere');
    assert.equal(found.trouble?.code, 'ERR_SYSTEM_ELSEWHERE');
    assert.ok(found.trouble.detail?.includes(shown), found.trouble.detail);
    await install(rig.machine, TARGET);
    assert.equal(await stateOf(rig), 'leads_here');
  });
}

test('a change that keeps dns4tor as the only server is no loss', async () => {
  await using rig = await installOn('a plain file');
  await rig.write(RESOLV_CONF, 'nameserver 127.0.0.1\noptions timeout:1\n');
  assert.equal(await stateOf(rig), 'leads_here');
});

test('systemd-resolved is noticed if its drop-in is changed or removed, or if it asks another server', async () => {
  await using rig = await installOn('systemd-resolved');
  const original = await rig.text(DROP_IN);
  assert.equal(await stateOf(rig), 'leads_here');
  for (const text of ['[Resolve]\nDNS=192.0.2.1\n', original.replace('Domains=~.', 'Domains=')]) {
    await rig.write(DROP_IN, text);
    assert.equal(await stateOf(rig), 'elsewhere');
  }
  await rig.machine.fs.remove(DROP_IN);
  assert.equal(await stateOf(rig), 'elsewhere');
  await install(rig.machine, TARGET);
  assert.equal(await stateOf(rig), 'leads_here');

  // The servers of links come after the global ones, and are asked only for the names of these links.
  await rig.write(SERVERS, '# of systemd-resolved\nnameserver 127.0.0.1\nnameserver 192.0.2.1\nsearch .\n');
  assert.equal(await stateOf(rig), 'leads_here');
  await rig.write(SERVERS, 'nameserver 192.0.2.1\nsearch .\n');
  const { trouble } = (await find(rig)) ?? {};
  assert.equal(trouble?.code, 'ERR_SYSTEM_ELSEWHERE');
  // Another file does it, which install would not change.
  assert.notEqual(trouble.remedy, failureKind('ERR_SYSTEM_ELSEWHERE').remedy);
});

test('on another port, only systemd-resolved leads here, and its list has no such servers', async () => {
  await using rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  const target = { address: '127.0.0.1', port: 5053 };
  await install(rig.machine, target);
  await rig.write(SERVERS, 'nameserver 192.0.2.1\n');
  assert.equal(await stateOf(rig, target), 'leads_here');
  await rig.write(DROP_IN, '[Resolve]\n');
  assert.equal(await stateOf(rig, target), 'elsewhere');
});

test('an installation for another dns4tor is none for this one', async () => {
  await using rig = await installOn('a plain file');
  await rig.write(RESOLV_CONF, 'nameserver 192.0.2.1\n');
  assert.equal(await stateOf(rig, { address: '127.0.0.1', port: 5053 }), 'not_installed');
});

test('while a command is interrupted, nothing is claimed', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  const fs = failWith(createFileSystem(rig.root), { rename: 'EIO' }, (path) => path.includes('resolv.conf'));
  const crash = { ...rig.machine, fs: { ...fs, remove: () => Promise.reject(new Error('EIO')) } };
  await assert.rejects(install(crash, TARGET));
  assert.equal(await find(rig), undefined);
});

test('a pause that begins during a look is no loss', async () => {
  await using rig = await installOn('a plain file');
  const inner = createFileSystem(rig.root);
  let isPaused = false;
  const fs: FileSystem = {
    ...inner,
    async inspect(path) {
      if (path === RESOLV_CONF && !isPaused) {
        isPaused = true;
        await pause(rig.machine, MINUTE_MS);
      }
      return inner.inspect(path);
    },
  };
  assert.equal(await findSystemResolver(fs, () => true), undefined);
  assert.ok(isPaused);
});

test('after an installation by a version that left no notice, only a loss is uncertain: it may be a pause', async () => {
  await using rig = await installOn('systemd-resolved');
  await rig.machine.fs.remove('/var/lib/dns4tor-install.json');
  assert.equal(await stateOf(rig), 'leads_here');
  await install(rig.machine, TARGET);
  assert.ok('var/lib/dns4tor-install.json' in (await rig.snapshot()), 'install leaves the notice');

  await rig.machine.fs.remove('/var/lib/dns4tor-install.json');
  await rig.machine.fs.remove(DROP_IN);
  assert.equal(await stateOf(rig), 'unknown');
  await install(rig.machine, TARGET);
  assert.equal(await stateOf(rig), 'leads_here');
});

test('if a file cannot be read or parsed, the state is unknown', async () => {
  await using rig = await installOn('a plain file');
  for (const path of [RESOLV_CONF, '/var/lib/dns4tor-install.json']) {
    const fs = failWith(createFileSystem(rig.root), { read: 'EIO' }, (read) => read === path);
    assert.equal((await findSystemResolver(fs, () => true))?.state, 'unknown');
  }
  await rig.write('/var/lib/dns4tor-install.json', '{"version":2}');
  assert.equal(await stateOf(rig), 'unknown');
});

test('the notice is for every user, and names nothing but the phase and the target', async () => {
  await using rig = await installOn('a plain file');
  const notice = (await rig.snapshot())['var/lib/dns4tor-install.json'] ?? '';
  assert.match(notice, /^100644 /);
  assert.deepEqual(JSON.parse(await rig.text('/var/lib/dns4tor-install.json')), {
    version: 1,
    phase: 'installed',
    target: TARGET,
    usesResolved: false,
  });
});
