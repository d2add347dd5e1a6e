import { MARK } from '../transaction/mark.ts';
import type { Notice, Part } from './parts.ts';

/** Read after the others of its folder, so that what it says is what counts. */
const DROP_IN = '/etc/NetworkManager/conf.d/zz-dns4tor.conf';

/**
 * Has NetworkManager leave names alone (NetworkManager.conf(5)): resolv.conf with `dns`, systemd-resolved with the other key. Without that one it
 * goes on telling resolved the servers of each link, and of a VPN that takes all traffic that it is for `~.`, as much as ours.
 */
export function networkManagerPart({ devices }: { readonly devices: readonly string[] }, resolved: boolean): Part {
  const text = `# ${MARK}\n[main]\ndns=none\nsystemd-resolved=false\n`;
  const reload = ['nmcli', 'general', 'reload'] as const;
  // What resolved was told stays until it is told otherwise. When NetworkManager may again, it tells all of it.
  const revert = devices.map((device): Notice => ({ run: ['resolvectl', 'revert', device], link: device }));
  return {
    name: 'NetworkManager',
    files: [{ path: DROP_IN, text }],
    apply: [{ run: reload }, ...(resolved ? revert : [])],
    restore: [reload],
  };
}
