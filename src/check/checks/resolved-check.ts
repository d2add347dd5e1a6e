import type { ResolvedScope, ResolvedSettings } from '../../system/managers/resolvectl.ts';
import type { Facts } from '../facts.ts';
import { goesElsewhere, isOurs, type Place, resolvedIsSilent, whereResolvedAsks } from '../resolution-path.ts';
import { gravest, ok, skip, type Verdict, warn } from '../check-verdict.ts';

/** All names, as a domain of systemd-resolved's. */
const EVERYTHING = '~.';

/** Whether systemd-resolved asks dns4tor and nobody else. */
export async function checkResolved(
  facts: Pick<Facts, 'config' | 'addresses' | 'managers' | 'resolved' | 'standing'>,
): Promise<Verdict> {
  const where = await whereResolvedAsks(facts);
  if (where === 'nowhere') return skip('systemd-resolved does not run here');
  const settings = await facts.resolved();
  if (settings === undefined) return resolvedIsSilent();
  if (where === 'elsewhere') {
    const { servers } = settings.global;
    const whom = servers.length === 0 ? 'the servers of its links' : servers.join(', ');
    return goesElsewhere(facts, `systemd-resolved asks ${whom}, not dns4tor alone`);
  }
  return gravest(checkLinks(facts, settings), checkLocalNetwork(settings));
}

/** Links that are asked though all names are to go to dns4tor: those of VPNs most of all. */
function checkLinks(place: Place, settings: ResolvedSettings): Verdict {
  const asked = linksAsked(place, settings);
  if (asked.length === 0) return ok('systemd-resolved asks dns4tor, and no server of a link');
  const whom = asked.map((scope) => {
    const which = takesEverything(settings, scope) ? 'all names' : 'names below its domains';
    return `${scope.link} (${scope.servers.join(', ')}) for ${which}`;
  });
  return warn(
    `beside dns4tor, systemd-resolved asks the servers of ${whom.join(', ')}`,
    'If you do not want that, have the VPN or network program that set them leave DNS alone; `sudo resolvectl revert LINK` undoes it until then.',
  );
}

/** The links whose own servers, which are not dns4tor, are asked for some names or all. */
export function linksAsked(place: Place, settings: ResolvedSettings): readonly ResolvedScope[] {
  return settings.links.filter(
    (scope) =>
      scope.servers.some((server) => !isOurs(place, server)) &&
      (scope.domains.length > 0 || takesEverything(settings, scope)),
  );
}

/**
 * systemd-resolved.service(8), "Protocols and routing": names of no domain go to whoever has `~.`, and where nobody has it to each link but
 * those that have only domains of theirs to be asked for.
 */
function takesEverything({ global, links }: ResolvedSettings, { domains }: ResolvedScope): boolean {
  if ([global, ...links].some((scope) => scope.domains.includes(EVERYTHING))) return domains.includes(EVERYTHING);
  return domains.length === 0 || domains.some((domain) => !domain.startsWith('~'));
}

/** Both protocols ask whoever is near, in the clear (RFC 4795, RFC 6762). */
function checkLocalNetwork({ global, links }: ResolvedSettings): Verdict {
  const protocols = [
    ...(global.llmnr && links.some(({ llmnr }) => llmnr) ? ['LLMNR'] : []),
    ...(global.mdns && links.some(({ mdns }) => mdns) ? ['mDNS'] : []),
  ];
  if (protocols.length === 0) return ok('systemd-resolved does not ask the local network');
  return warn(
    `systemd-resolved asks the local network for some names, in the clear (${protocols.join(', ')})`,
    'Set LLMNR=no and MulticastDNS=no in resolved.conf, as `dns4tor install` does, and restart systemd-resolved.',
  );
}
