import { formatHostPort } from '../../lib/host-port.ts';
import type { Target } from '../machine.ts';
import { MARK } from '../transaction/mark.ts';
import type { Managers } from './detect-managers.ts';
import type { ManagerConfig } from './manager-config.ts';

/** dns4tor's drop-in for systemd-resolved. `zz`: the last file in the directory takes precedence. */
export const RESOLVED_DROP_IN = '/etc/systemd/resolved.conf.d/zz-dns4tor.conf';

/** Stub addresses of systemd-resolved (systemd-resolved.service(8)). */
export const RESOLVED_STUBS: ReadonlySet<string> = new Set(['127.0.0.53', '127.0.0.54']);

/** The servers that systemd-resolved uses, in the format of resolv.conf: its global ones, then those of links. */
export const RESOLVED_SERVERS = '/run/systemd/resolve/resolv.conf';

/** Files that send programs to resolved's listener on 127.0.0.53 (systemd-resolved.service(8), "/etc/resolv.conf"). */
const STUB_FILES: ReadonlySet<string> = new Set([
  '/run/systemd/resolve/stub-resolv.conf',
  '/usr/lib/systemd/resolv.conf',
  '/lib/systemd/resolv.conf',
]);

/**
 * Whether programs query resolved's stub listener. /run/systemd/resolve/resolv.conf does not count: it also lists the
 * network's servers, and libc falls back to them.
 */
export function isStubInUse({ resolved, resolvConfTarget }: Managers): boolean {
  return resolved && resolvConfTarget !== undefined && STUB_FILES.has(resolvConfTarget);
}

const ALL_NAMES = 'Domains=~.';

function serverLine({ address, port }: Target): string {
  return `DNS=${port === 53 ? address : formatHostPort(address, port)}`;
}

/** Whether the text of the drop-in still sends all names to dns4tor. */
export function sendsAllNames(text: string, target: Target): boolean {
  const lines = text.split('\n');
  return lines.includes(serverLine(target)) && lines.includes(ALL_NAMES);
}

/**
 * Makes resolved send all names to dns4tor (resolved.conf(5)). Needed even if resolv.conf does not point to resolved,
 * because nss-resolve queries it directly.
 */
export function resolvedConfig({ address, port }: Target): ManagerConfig {
  const text = [
    `# ${MARK}`,
    '[Resolve]',
    '# The empty value clears the servers and domains of other files; otherwise these would be added to them.',
    'DNS=',
    serverLine({ address, port }),
    'Domains=',
    '# Send all names to the server above, not to those of links.',
    ALL_NAMES,
    '# Empty: no compiled-in servers.',
    'FallbackDNS=',
    'DNSOverTLS=no',
    '# Both query the local network, in the clear.',
    'LLMNR=no',
    'MulticastDNS=no',
    '',
  ].join('\n');
  const restart = ['systemctl', 'restart', 'systemd-resolved.service'] as const;
  return {
    name: 'systemd-resolved',
    files: [{ path: RESOLVED_DROP_IN, text }],
    apply: [{ run: restart }],
    restore: [restart],
  };
}
