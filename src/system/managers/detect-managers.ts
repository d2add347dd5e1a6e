import { basename } from 'node:path';
import type { Runner } from '../command.ts';
import { type FileState, readState } from '../transaction/file-state.ts';
import { type Attributes, type FileSystem, followLinks, isErrno, toFileError } from '../transaction/file-system.ts';
import { isMarked } from '../transaction/mark.ts';
import { RESOLV_CONF } from './resolv-conf.ts';

/** The programs and files that decide how this machine resolves names. */
export interface Managers {
  /** Whether systemd-resolved runs. */
  readonly resolved: boolean;
  /** Present if NetworkManager runs, with the devices that it has brought up. */
  readonly networkManager?: { readonly devices: readonly string[] };
  /**
   * The implementation behind the program `resolvconf`. Debian's writes below /run only, and systemd's passes servers
   * to systemd-resolved. openresolv writes resolv.conf itself; an unknown implementation is treated like it.
   */
  readonly resolvconf?: 'debian' | 'systemd' | 'openresolv';
  /** DHCP clients. Each writes resolv.conf at every lease unless a hook prevents it. */
  readonly dhclient: boolean;
  readonly dhcpcd: boolean;
  readonly dhcp6c: boolean;
  /** Scripts of udhcpc and pppd that are known to write resolv.conf, by their path. */
  readonly scripts: readonly WriterScript[];
  readonly resolvConf: FileState;
  /** Final target of resolv.conf, if it is a symbolic link. */
  readonly resolvConfTarget?: string;
  /** Owner of /etc, and so of new files in it. */
  readonly owner: Omit<Attributes, 'mode'>;
}

/** Exists if systemd started this machine (sd_booted(3)). */
const SYSTEMD = '/run/systemd/system';

const RESOLVED = 'systemd-resolved.service';

/** Directories of system-wide programs, in the order of a usual PATH. */
const PROGRAM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const;

const EXECUTABLE_BITS = 0o111;

/**
 * Part of Debian's resolvconf; its other scripts need it. Unlike files in /etc, it is deleted when the package is
 * removed.
 */
const DEBIAN_RESOLVCONF = '/lib/resolvconf/list-records';
/** systemd's `resolvconf` is a symbolic link to this program. */
const SYSTEMD_RESOLVCONF = 'resolvectl';

/** Directory of the scripts that dhclient sources before it configures DNS (dhclient-script(8)). */
export const DHCLIENT_HOOKS = '/etc/dhcp/dhclient-enter-hooks.d';
const DHCPCD_CONF = '/etc/dhcpcd.conf';
/** Debian's defaults file of wide-dhcpv6-client. */
export const DHCP6C_CONF = '/etc/default/wide-dhcpv6-client';
const DHCP6C_SCRIPT = '/etc/wide-dhcpv6/dhcp6c-script';

/** A script that writes resolv.conf and has no hook: one of its lines is replaced instead. */
export interface WriterScript {
  readonly program: string;
  readonly path: string;
  readonly line: RegExp;
  readonly replacement: string;
}

const PPP_LINE = { line: /^\[ -x \/sbin\/resolvconf \] && exit 0$/m, replacement: 'exit 0' } as const;

/** Debian's scripts. Without resolvconf, they write resolv.conf themselves. */
const WRITER_SCRIPTS: readonly WriterScript[] = [
  {
    program: 'udhcpc',
    path: '/etc/udhcpc/default.script',
    line: /^RESOLV_CONF=.*$/m,
    replacement: 'RESOLV_CONF=/dev/null',
  },
  { program: 'pppd', path: '/etc/ppp/ip-up.d/0000usepeerdns', ...PPP_LINE },
  // Restores the resolv.conf from before the link came up.
  { program: 'pppd', path: '/etc/ppp/ip-down.d/0000usepeerdns', ...PPP_LINE },
];

/** Whether systemd started this machine. */
export async function isSystemdBooted(fs: FileSystem): Promise<boolean> {
  return (await fs.inspect(SYSTEMD))?.kind === 'directory';
}

/** Whether systemd-resolved runs. */
export async function isResolvedRunning(fs: FileSystem, run: Runner): Promise<boolean> {
  return (await isSystemdBooted(fs)) && (await run(['systemctl', 'is-active', '--quiet', RESOLVED])).status === 0;
}

/** Finds out what manages names on this machine. Changes nothing. */
export async function detectManagers(fs: FileSystem, run: Runner): Promise<Managers> {
  const resolvConf = await readState(fs, RESOLV_CONF);
  const target = resolvConf.kind === 'symlink' ? await followLinks(fs, RESOLV_CONF) : undefined;
  const devices = await networkManagerDevices(run);
  const programs = await listPrograms(fs);
  const resolvconf = await findResolvconf(fs, programs);
  const { uid, gid } = (await fs.inspect('/etc')) ?? { uid: 0, gid: 0 };
  return {
    resolved: await isResolvedRunning(fs, run),
    ...(devices === undefined ? {} : { networkManager: { devices } }),
    ...(resolvconf === undefined ? {} : { resolvconf }),
    dhclient: await hasClient(fs, programs, 'dhclient', DHCLIENT_HOOKS),
    dhcpcd: await hasClient(fs, programs, 'dhcpcd', DHCPCD_CONF),
    dhcp6c: await hasClient(fs, programs, 'dhcp6c', DHCP6C_SCRIPT),
    scripts: await findScripts(fs),
    resolvConf,
    ...(target === undefined ? {} : { resolvConfTarget: target }),
    owner: { uid, gid },
  };
}

/**
 * Looks for the program, not for its configuration: Debian leaves that behind when resolvconf or openresolv is removed
 * but not purged. Besides, Debian's unbound and dnsmasq always ship /etc/resolvconf/update.d.
 */
async function findResolvconf(fs: FileSystem, programs: Programs): Promise<Managers['resolvconf']> {
  const program = await findProgram(fs, programs, 'resolvconf');
  if (program === undefined) return undefined;
  if (basename(program) === SYSTEMD_RESOLVCONF) return 'systemd';
  return (await fs.inspect(DEBIAN_RESOLVCONF)) === undefined ? 'openresolv' : 'debian';
}

/** File names by directory. */
type Programs = ReadonlyMap<string, readonly string[]>;

async function listPrograms(fs: FileSystem): Promise<Programs> {
  const programs = new Map<string, readonly string[]>();
  for (const directory of PROGRAM_DIRECTORIES) {
    const names = await fs.list(directory).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
      throw toFileError(directory, error);
    });
    programs.set(directory, names);
  }
  return programs;
}

/** Finds the first executable of that name, and resolves symbolic links. */
async function findProgram(fs: FileSystem, programs: Programs, name: string): Promise<string | undefined> {
  for (const [directory, names] of programs) {
    if (!names.includes(name)) continue;
    const path = await followLinks(fs, `${directory}/${name}`);
    const entry = path === undefined ? undefined : await fs.inspect(path);
    if (entry?.kind === 'file' && (entry.mode & EXECUTABLE_BITS) !== 0) return path;
  }
  return undefined;
}

/**
 * Whether a DHCP client is or was installed. Leftover configuration counts, too: if the client is installed again, its
 * first lease would overwrite resolv.conf.
 */
async function hasClient(fs: FileSystem, programs: Programs, program: string, configuration: string): Promise<boolean> {
  return (await fs.inspect(configuration)) !== undefined || (await findProgram(fs, programs, program)) !== undefined;
}

/** Finds the scripts that contain the line to replace, or contained it before dns4tor replaced it. */
async function findScripts(fs: FileSystem): Promise<readonly WriterScript[]> {
  const found: WriterScript[] = [];
  for (const script of WRITER_SCRIPTS) {
    if ((await fs.inspect(script.path))?.kind !== 'file') continue;
    const bytes = await fs.read(script.path);
    if (isMarked(bytes) || script.line.test(Buffer.from(bytes).toString('latin1'))) found.push(script);
  }
  return found;
}

/** Lists the devices that NetworkManager has brought up. Undefined if it does not run. Works without systemd, too. */
async function networkManagerDevices(run: Runner): Promise<readonly string[] | undefined> {
  const running = await run(['nmcli', '--get-values', 'RUNNING', 'general']);
  if (running.status !== 0 || running.stdout.trim() !== 'running') return undefined;
  const { stdout } = await run(['nmcli', '--get-values', 'DEVICE,STATE', 'device']);
  return stdout.split('\n').flatMap((line) => {
    // Devices that are "connected (externally)" are not NetworkManager's. No real device name has a colon, which nmcli
    // would escape.
    const [device = '', state] = line.split(':');
    return state === 'connected' ? [device] : [];
  });
}
