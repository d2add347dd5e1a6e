import { MARK } from '../transaction/mark.ts';
import type { ManagerConfig, ReloadCommand } from './manager-config.ts';

/** `zz`: the last file in the directory takes precedence. */
const DROP_IN = '/etc/NetworkManager/conf.d/zz-dns4tor.conf';

/**
 * Keeps NetworkManager away from name resolution (NetworkManager.conf(5)): `dns` from resolv.conf, `systemd-resolved`
 * from systemd-resolved. Without the latter, it would keep giving resolved the servers of each link, and the domain
 * `~.` for a VPN that takes all traffic.
 */
export function networkManagerConfig(
  { devices }: { readonly devices: readonly string[] },
  resolved: boolean,
): ManagerConfig {
  const text = `# ${MARK}\n[main]\ndns=none\nsystemd-resolved=false\n`;
  const reload = ['nmcli', 'general', 'reload'] as const;
  // resolved keeps a link's servers until they are reverted. After `uninstall`, NetworkManager sets them again.
  const revert = devices.map((device): ReloadCommand => ({ run: ['resolvectl', 'revert', device], link: device }));
  return {
    name: 'NetworkManager',
    files: [{ path: DROP_IN, text }],
    apply: [{ run: reload }, ...(resolved ? revert : [])],
    restore: [reload],
  };
}
