import { formatHostPort } from '../../lib/host-port.ts';
import type { Managers } from './detect-managers.ts';
import { MARK } from '../transaction/mark.ts';
import type { Part } from './parts.ts';
import type { Target } from '../target.ts';

/** Read after the others of its folder, so that what it says is what counts. */
const DROP_IN = '/etc/systemd/resolved.conf.d/zz-dns4tor.conf';

/** Files by which programs reach resolved's listener on 127.0.0.53 (systemd-resolved.service(8), "/etc/resolv.conf"). */
const STUB_FILES: ReadonlySet<string> = new Set([
  '/run/systemd/resolve/stub-resolv.conf',
  '/usr/lib/systemd/resolv.conf',
  '/lib/systemd/resolv.conf',
]);

/** /run/systemd/resolve/resolv.conf is none of them: it lists the network's servers beside ours, and libc falls back to them. */
export function isStubInUse({ resolved, resolvConfTarget }: Managers): boolean {
  return resolved && resolvConfTarget !== undefined && STUB_FILES.has(resolvConfTarget);
}

/** Has resolved ask dns4tor for everything (resolved.conf(5)). It is asked even where resolv.conf is another's: by way of nss-resolve. */
export function resolvedPart({ address, port }: Target): Part {
  const text = [
    `# ${MARK}`,
    '[Resolve]',
    '# An empty value forgets the servers and domains of other files; further ones would be added to them.',
    'DNS=',
    `DNS=${port === 53 ? address : formatHostPort(address, port)}`,
    'Domains=',
    '# All names go to the server above, and not to those of single links.',
    'Domains=~.',
    '# Empty, or else the servers that were compiled in apply.',
    'FallbackDNS=',
    'DNSOverTLS=no',
    '# Both ask the local network, in the clear.',
    'LLMNR=no',
    'MulticastDNS=no',
    '',
  ].join('\n');
  const restart = ['systemctl', 'restart', 'systemd-resolved.service'] as const;
  return { name: 'systemd-resolved', files: [{ path: DROP_IN, text }], apply: [{ run: restart }], restore: [restart] };
}
