import { basename } from 'node:path';
import type { Runner } from './command.ts';
import { type Attributes, type FileSystem, isErrno, toFileError } from './file-system.ts';
import { type FileState, readState } from './file-state.ts';
import { followLinks } from './follow-links.ts';
import { RESOLV_CONF } from './resolv-conf.ts';

/** What on this machine has a hand in how names are resolved. */
export interface Managers {
  /** Whether systemd-resolved runs. */
  readonly resolved: boolean;
  /** NetworkManager runs; the devices that it has brought up. */
  readonly networkManager?: { readonly devices: readonly string[] };
  /**
   * Whose `resolvconf` program there is. Debian's writes below /run alone; systemd's tells systemd-resolved; openresolv, and any that is not
   * known here, writes resolv.conf itself.
   */
  readonly resolvconf?: 'debian' | 'systemd' | 'openresolv';
  /** DHCP clients, each of which writes resolv.conf at each lease unless it is told otherwise. */
  readonly dhclient: boolean;
  readonly dhcpcd: boolean;
  /** With Debian's script, or one of the same form. */
  readonly udhcpc: boolean;
  readonly resolvConf: FileState;
  /** Where resolv.conf leads, if it is a symbolic link. */
  readonly resolvConfTarget?: string;
  /** Who has /etc, and so what is new there. */
  readonly owner: Omit<Attributes, 'mode'>;
}

/** What systemd itself looks at (sd_booted(3)). */
const SYSTEMD = '/run/systemd/system';

const RESOLVED = 'systemd-resolved.service';

/** Where programs are that the whole machine uses. */
const PROGRAM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const;

const EXECUTABLE_BITS = 0o111;

/** Without it, the scripts of Debian's resolvconf do nothing. Unlike those in /etc, it goes when the package is removed. */
const DEBIAN_RESOLVCONF = '/lib/resolvconf/list-records';
/** What systemd has as `resolvconf` is a link to it. */
const SYSTEMD_RESOLVCONF = 'resolvectl';

export const DHCLIENT_HOOKS = '/etc/dhcp/dhclient-enter-hooks.d';
const DHCPCD_CONF = '/etc/dhcpcd.conf';
export const UDHCPC_SCRIPT = '/etc/udhcpc/default.script';

/** The line of udhcpc's script that says where it writes. */
export const UDHCPC_LINE = /^RESOLV_CONF=.*$/m;

/** Whether systemd is what started this machine. */
export async function isSystemdBooted(fs: FileSystem): Promise<boolean> {
  return (await fs.inspect(SYSTEMD))?.kind === 'directory';
}

/** Whether systemd-resolved runs. */
export async function isResolvedRunning(fs: FileSystem, run: Runner): Promise<boolean> {
  return (await isSystemdBooted(fs)) && (await run(['systemctl', 'is-active', '--quiet', RESOLVED])).status === 0;
}

/** Looks, and changes nothing. */
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
    udhcpc: await hasUdhcpcScript(fs),
    resolvConf,
    ...(target === undefined ? {} : { resolvConfTarget: target }),
    owner: { uid, gid },
  };
}

/**
 * Goes by the program, and not by its configuration: that of openresolv and Debian's resolvconf stays when they are removed but not purged, and
 * Debian's unbound and dnsmasq ship /etc/resolvconf/update.d for a resolvconf that may not be there.
 */
async function findResolvconf(fs: FileSystem, programs: Programs): Promise<Managers['resolvconf']> {
  const program = await findProgram(fs, programs, 'resolvconf');
  if (program === undefined) return undefined;
  if (basename(program) === SYSTEMD_RESOLVCONF) return 'systemd';
  return (await fs.inspect(DEBIAN_RESOLVCONF)) === undefined ? 'openresolv' : 'debian';
}

/** The names in each folder of programs. */
type Programs = ReadonlyMap<string, readonly string[]>;

async function listPrograms(fs: FileSystem): Promise<Programs> {
  const programs = new Map<string, readonly string[]>();
  for (const folder of PROGRAM_FOLDERS) {
    const names = await fs.list(folder).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
      throw toFileError(folder, error);
    });
    programs.set(folder, names);
  }
  return programs;
}

/** Behind symbolic links. */
async function findProgram(fs: FileSystem, programs: Programs, name: string): Promise<string | undefined> {
  for (const [folder, names] of programs) {
    if (!names.includes(name)) continue;
    const path = await followLinks(fs, `${folder}/${name}`);
    const entry = path === undefined ? undefined : await fs.inspect(path);
    if (entry?.kind === 'file' && (entry.mode & EXECUTABLE_BITS) !== 0) return path;
  }
  return undefined;
}

/** Also where only its configuration is: a client that is installed again would write resolv.conf at its first lease. */
async function hasClient(fs: FileSystem, programs: Programs, program: string, configuration: string): Promise<boolean> {
  return (await fs.inspect(configuration)) !== undefined || (await findProgram(fs, programs, program)) !== undefined;
}

async function hasUdhcpcScript(fs: FileSystem): Promise<boolean> {
  if ((await fs.inspect(UDHCPC_SCRIPT))?.kind !== 'file') return false;
  return UDHCPC_LINE.test(Buffer.from(await fs.read(UDHCPC_SCRIPT)).toString('latin1'));
}

/** Undefined where NetworkManager does not run, whatever starts services here. */
async function networkManagerDevices(run: Runner): Promise<readonly string[] | undefined> {
  const running = await run(['nmcli', '--get-values', 'RUNNING', 'general']);
  if (running.status !== 0 || running.stdout.trim() !== 'running') return undefined;
  const { stdout } = await run(['nmcli', '--get-values', 'DEVICE,STATE', 'device']);
  return stdout.split('\n').flatMap((line) => {
    // "connected (externally)" is not NetworkManager's. Colons in a device's name would be escaped; such a name is nobody's.
    const [device = '', state] = line.split(':');
    return state === 'connected' ? [device] : [];
  });
}
