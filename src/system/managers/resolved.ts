import { formatHostPort } from '../../lib/host-port.ts';
import type { Target } from '../machine.ts';
import { MARK } from '../transaction/mark.ts';
import type { Managers } from './detect-managers.ts';
import type { ManagerConfig } from './manager-config.ts';

/** `zz`: the last file in the directory takes precedence. */
const DROP_IN = '/etc/systemd/resolved.conf.d/zz-dns4tor.conf';

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
    `DNS=${port === 53 ? address : formatHostPort(address, port)}`,
    'Domains=',
    '# Send all names to the server above, not to those of links.',
    'Domains=~.',
    '# Empty: no compiled-in servers.',
    'FallbackDNS=',
    'DNSOverTLS=no',
    '# Both query the local network, in the clear.',
    'LLMNR=no',
    'MulticastDNS=no',
    '',
  ].join('\n');
  const restart = ['systemctl', 'restart', 'systemd-resolved.service'] as const;
  return { name: 'systemd-resolved', files: [{ path: DROP_IN, text }], apply: [{ run: restart }], restore: [restart] };
}
