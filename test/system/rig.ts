import { chmod, glob, lstat, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command, CommandResult } from '../../src/system/command.ts';
import type { Machine } from '../../src/system/machine.ts';
import { createFileSystem, type FileSystem } from '../../src/system/transaction/file-system.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

export const TARGET = { address: '127.0.0.1', port: 53 } as const;

/** A test machine: its files are in a directory, and commands are recorded instead of run. */
export interface Rig extends AsyncDisposable {
  readonly root: string;
  readonly clock: ManualClock;
  readonly machine: Machine;
  /** Recorded commands in order, without read-only ones. */
  readonly commands: string[];
  /** Recorded warnings. */
  readonly warnings: string[];
  /** Results of commands, by their text. Without one, read-only commands fail, and others succeed without output. */
  readonly answers: Map<string, Partial<CommandResult>>;
  /** The checks, which a test can replace. */
  readonly checks: { upstream: () => Promise<void>; nameserver: (address: string) => Promise<void> };
  write(path: string, text: string, mode?: number): Promise<void>;
  link(path: string, target: string): Promise<void>;
  text(path: string): Promise<string>;
  /** Returns every file, link and directory, with content, mode and owner. */
  snapshot(): Promise<Readonly<Record<string, string>>>;
  /** Returns the same machine for a new process. @param fs its access to the files */
  reborn(fs?: FileSystem): Machine;
}

/** Read-only commands. */
const READ_ONLY = /^(?:systemctl (?:is-active|is-enabled|show)|nmcli --get-values|resolvectl --no-pager)/;

export async function createRig(): Promise<Rig> {
  const directory = await createTemporaryDirectory();
  return createRigIn(directory.path, async () => directory[Symbol.asyncDispose]());
}

/** Creates a rig in a directory of the caller, which need not exist yet. For tests that need hundreds of them. */
export async function createRigIn(root: string, dispose: () => Promise<void>): Promise<Rig> {
  const at = (path: string): string => join(root, path);
  const clock = new ManualClock();
  const commands: string[] = [];
  const warnings: string[] = [];
  const answers: Rig['answers'] = new Map();
  const checks: Rig['checks'] = { upstream: async () => {}, nameserver: async () => {} };
  for (const folder of ['etc', 'run', 'var/lib']) await mkdir(at(folder), { recursive: true });
  const run = async (command: Command): Promise<CommandResult> => {
    const line = command.join(' ');
    const isReadOnly = READ_ONLY.test(line);
    if (!isReadOnly) commands.push(line);
    const answer = answers.get(line);
    return { status: isReadOnly && answer === undefined ? 1 : 0, stdout: '', stderr: '', ...answer };
  };
  let pid = 100;
  const reborn = (fs: FileSystem = createFileSystem(root)): Machine => ({
    fs,
    run,
    clock,
    pid: ++pid,
    isAlive: (other) => other === pid,
    self: ['/usr/bin/node', '/opt/dns4tor/dist/launch/dns4tor.js'],
    checks: { upstream: () => checks.upstream(), nameserver: (address) => checks.nameserver(address) },
    warn: (sentence) => warnings.push(sentence),
  });
  return {
    root,
    clock,
    commands,
    warnings,
    answers,
    checks,
    machine: reborn(),
    reborn,
    async write(path, text, mode = 0o644) {
      await mkdir(dirname(at(path)), { recursive: true });
      await writeFile(at(path), text);
      await chmod(at(path), mode);
    },
    async link(path, target) {
      await mkdir(dirname(at(path)), { recursive: true });
      await symlink(target, at(path));
    },
    text: (path) => readFile(at(path), 'utf8'),
    async snapshot() {
      const found: Record<string, string> = {};
      for await (const path of glob('**/{*,.*}', { cwd: root })) found[path] = await describe(at(path));
      return found;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function describe(path: string): Promise<string> {
  const stats = await lstat(path);
  const owner = `${stats.mode.toString(8)} ${stats.uid}:${stats.gid}`;
  if (stats.isSymbolicLink()) return `${owner} → ${await readlink(path)}`;
  return stats.isFile() ? `${owner} ${await readFile(path, 'latin1')}` : owner;
}

/** The relevant part of Debian's script, with a byte that is not UTF-8. */
export const UDHCPC_SCRIPT = '#!/bin/sh\n# \u00ff\nRESOLV_CONF="/etc/resolv.conf"\necho "$R" > "$RESOLV_CONF"\n';

export const MANAGERS = {
  'systemd-resolved': async (rig: Rig): Promise<void> => {
    for (const folder of ['run', 'etc']) await mkdir(join(rig.root, folder, 'systemd/system'), { recursive: true });
    await mkdir(join(rig.root, 'var/lib/systemd/timers'), { recursive: true });
    await rig.write(
      '/run/systemd/resolve/stub-resolv.conf',
      'nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n',
    );
    await rig.link('/etc/resolv.conf', '../run/systemd/resolve/stub-resolv.conf');
    rig.answers.set('systemctl is-active --quiet systemd-resolved.service', { status: 0 });
  },
  NetworkManager: async (rig: Rig): Promise<void> => {
    await rig.write('/etc/NetworkManager/NetworkManager.conf', '[main]\nplugins=keyfile\n');
    await rig.write('/etc/resolv.conf', '# Generated by NetworkManager\nsearch lan\nnameserver 192.168.1.1\n');
    rig.answers.set('nmcli --get-values RUNNING general', { status: 0, stdout: 'running\n' });
    rig.answers.set('nmcli --get-values DEVICE,STATE device', {
      status: 0,
      stdout: 'wlan0:connected\nlo:connected (externally)\neth0:unavailable\n',
    });
  },
  'NetworkManager with systemd-resolved': async (rig: Rig): Promise<void> => {
    await MANAGERS.NetworkManager(rig);
    await rig.machine.fs.remove('/etc/resolv.conf');
    await MANAGERS['systemd-resolved'](rig);
  },
  resolvconf: async (rig: Rig): Promise<void> => {
    await rig.write('/sbin/resolvconf', '#!/bin/sh\n', 0o755);
    await rig.write('/lib/resolvconf/list-records', '#!/bin/bash\n', 0o755);
    await rig.write('/etc/resolvconf/update.d/libc', '#!/bin/sh\n', 0o755);
    await rig.write('/run/resolvconf/resolv.conf', 'nameserver 192.168.1.1\n');
    await rig.link('/etc/resolv.conf', '/run/resolvconf/resolv.conf');
  },
  openresolv: async (rig: Rig): Promise<void> => {
    await rig.write('/usr/sbin/resolvconf', '#!/bin/sh\n', 0o755);
    await rig.write('/etc/resolvconf.conf', 'resolv_conf=/etc/resolv.conf\n#name_servers=127.0.0.1', 0o640);
    await rig.write('/etc/resolv.conf', '# Generated by resolvconf\nnameserver 192.168.1.1\n');
  },
  dhclient: async (rig: Rig): Promise<void> => {
    await rig.write('/etc/dhcp/dhclient-enter-hooks.d/debug', '#\n');
    await rig.write('/etc/resolv.conf', 'domain lan\nsearch lan\nnameserver 192.168.1.1\n');
  },
  dhcpcd: async (rig: Rig): Promise<void> => {
    await rig.write('/etc/dhcpcd.conf', 'hostname\n');
    await rig.write('/etc/resolv.conf', '# Generated by dhcpcd\nnameserver 192.168.1.1\n');
  },
  udhcpc: async (rig: Rig): Promise<void> => {
    await rig.write('/etc/udhcpc/default.script', UDHCPC_SCRIPT, 0o755);
    await rig.write('/etc/resolv.conf', 'domain lan\nnameserver 192.168.1.1\n');
  },
  'resolvconf and DHCP clients': async (rig: Rig): Promise<void> => {
    await MANAGERS.resolvconf(rig);
    await rig.write('/usr/sbin/dhclient', '', 0o755);
    await rig.write('/usr/sbin/dhcpcd', '', 0o755);
  },
  'DHCP clients and leftovers of a removed resolvconf': async (rig: Rig): Promise<void> => {
    await rig.write('/etc/resolvconf/update.d/libc', '#!/bin/sh\n', 0o755);
    await rig.write('/etc/resolvconf.conf', 'resolv_conf=/etc/resolv.conf\n');
    await MANAGERS.dhclient(rig);
    await rig.write('/etc/dhcpcd.conf', 'hostname\n');
  },
  "systemd-resolved with its own resolvconf, and DHCP clients that would overwrite resolv.conf's target": async (
    rig: Rig,
  ): Promise<void> => {
    await MANAGERS['systemd-resolved'](rig);
    await rig.write('/usr/bin/resolvectl', '', 0o755);
    await rig.link('/sbin/resolvconf', '/usr/bin/resolvectl');
    await rig.write('/sbin/dhclient', '', 0o755);
    await rig.write('/etc/dhcpcd.conf', 'hostname\n');
  },
  'a plain file': async (rig: Rig): Promise<void> => {
    await rig.write('/etc/resolv.conf', 'nameserver 192.0.2.1\nnameserver 192.0.2.2', 0o604);
  },
  'a read-only file': async (rig: Rig): Promise<void> => {
    await rig.write('/etc/resolv.conf', 'nameserver 192.0.2.1\n', 0o444);
  },
  'a symbolic link to nowhere': async (rig: Rig): Promise<void> => {
    await rig.link('/etc/resolv.conf', '/mnt/elsewhere/resolv.conf');
  },
  'no file': async (): Promise<void> => {},
} as const satisfies Readonly<Record<string, (rig: Rig) => Promise<void>>>;

export type ManagerName = keyof typeof MANAGERS;

export const MANAGER_NAMES = Object.keys(MANAGERS) as readonly ManagerName[];
