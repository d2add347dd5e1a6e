import type { Runner } from './command.ts';
import type { Attributes, FileSystem } from './file-system.ts';
import { type FileState, readState } from './file-state.ts';
import { followLinks } from './follow-links.ts';
import { RESOLV_CONF } from './resolv-conf.ts';

/** What on this machine has a hand in how names are resolved. */
export interface Managers {
  /** Whether systemd-resolved runs. */
  readonly resolved: boolean;
  /** NetworkManager runs; the devices that it has brought up. */
  readonly networkManager?: { readonly devices: readonly string[] };
  /** Debian's resolvconf writes below /run alone; openresolv writes resolv.conf itself. */
  readonly resolvconf?: 'debian' | 'openresolv';
  /** There are hooks of dhclient's, which else writes resolv.conf at each lease. */
  readonly dhclient: boolean;
  readonly dhcpcd: boolean;
  readonly resolvConf: FileState;
  /** Where resolv.conf leads, if it is a symbolic link. */
  readonly resolvConfTarget?: string;
  /** Who has /etc, and so what is new there. */
  readonly owner: Omit<Attributes, 'mode'>;
}

/** What systemd itself looks at (sd_booted(3)). */
const SYSTEMD = '/run/systemd/system';

const RESOLVED = 'systemd-resolved.service';

export const OPENRESOLV_CONF = '/etc/resolvconf.conf';
const DEBIAN_RESOLVCONF = '/etc/resolvconf/update.d';
export const DHCLIENT_HOOKS = '/etc/dhcp/dhclient-enter-hooks.d';
const DHCPCD_CONF = '/etc/dhcpcd.conf';

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
  const exists = async (path: string): Promise<boolean> => (await fs.inspect(path)) !== undefined;
  const resolvConf = await readState(fs, RESOLV_CONF);
  const target = resolvConf.kind === 'symlink' ? await followLinks(fs, RESOLV_CONF) : undefined;
  const devices = await networkManagerDevices(run);
  const resolvconf = await findResolvconf(exists);
  const { uid, gid } = (await fs.inspect('/etc')) ?? { uid: 0, gid: 0 };
  return {
    resolved: await isResolvedRunning(fs, run),
    ...(devices === undefined ? {} : { networkManager: { devices } }),
    ...(resolvconf === undefined ? {} : { resolvconf }),
    dhclient: await exists(DHCLIENT_HOOKS),
    dhcpcd: await exists(DHCPCD_CONF),
    resolvConf,
    ...(target === undefined ? {} : { resolvConfTarget: target }),
    owner: { uid, gid },
  };
}

/** openresolv can read the configuration of Debian's resolvconf, too, but ships no scripts in its folder. */
async function findResolvconf(
  exists: (path: string) => Promise<boolean>,
): Promise<'debian' | 'openresolv' | undefined> {
  if (await exists(OPENRESOLV_CONF)) return 'openresolv';
  return (await exists(DEBIAN_RESOLVCONF)) ? 'debian' : undefined;
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
