import type { ResolvedSettings } from '../../system/managers/resolvectl.ts';
import { ok, skip, type Verdict, warn, worst } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';
import {
  findAskedLinks,
  findResolvedTarget,
  judgeBypass,
  type OwnAddresses,
  resolvedUnknown,
  takesAllNames,
} from '../resolution-path.ts';

/** Checks that systemd-resolved asks dns4tor and no other server. */
export async function checkResolved(
  facts: Pick<Facts, 'config' | 'addresses' | 'managers' | 'resolved' | 'installation'>,
): Promise<Verdict> {
  const target = await findResolvedTarget(facts);
  if (target === 'inactive') return skip('systemd-resolved does not run here');
  const settings = await facts.resolved();
  if (settings === undefined) return resolvedUnknown();
  if (target === 'elsewhere') {
    const { servers } = settings.global;
    const asked = servers.length === 0 ? 'the servers of its links' : servers.join(', ');
    return judgeBypass(facts, `systemd-resolved asks ${asked}, not only dns4tor`);
  }
  return worst(checkLinks(facts, settings), checkLocalNetwork(settings));
}

/** Checks that no link's servers are asked although all names should go to dns4tor. Mostly VPNs set such servers. */
function checkLinks(own: OwnAddresses, settings: ResolvedSettings): Verdict {
  const asked = findAskedLinks(own, settings);
  if (asked.length === 0) return ok('systemd-resolved asks dns4tor and no server of a link');
  const servers = asked.map((scope) => {
    const which = takesAllNames(settings, scope) ? 'all names' : 'names below its domains';
    return `${scope.link} (${scope.servers.join(', ')}) for ${which}`;
  });
  return warn(
    `besides dns4tor, systemd-resolved asks the servers of ${servers.join(', ')}`,
    'If you do not want that, turn off DNS in the VPN or network program that set them. Until then, `sudo resolvectl revert LINK` undoes it.',
  );
}

/** Checks that LLMNR (RFC 4795) and mDNS (RFC 6762) are off: both send names to the local network, in the clear. */
function checkLocalNetwork({ global, links }: ResolvedSettings): Verdict {
  const protocols = [
    ...(global.llmnr && links.some(({ llmnr }) => llmnr) ? ['LLMNR'] : []),
    ...(global.mdns && links.some(({ mdns }) => mdns) ? ['mDNS'] : []),
  ];
  if (protocols.length === 0) return ok('systemd-resolved does not use the local network');
  return warn(
    `systemd-resolved looks up some names on the local network, in the clear (${protocols.join(', ')})`,
    'Set LLMNR=no and MulticastDNS=no in resolved.conf, as `dns4tor install` does, and restart systemd-resolved.',
  );
}
