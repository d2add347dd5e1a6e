import { isIPv6 } from 'node:net';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import { readNameservers } from '../../system/managers/resolv-conf.ts';
import type { Facts } from '../facts.ts';
import { linksAsked } from './resolved-check.ts';
import { goesBeside, goesElsewhere, isOurs, type Place, resolvedIsSilent } from '../resolution-path.ts';
import { ok, type Verdict } from '../check-verdict.ts';

/** rdnssd(8) writes there what routers say, and by its hook into resolv.conf. */
const RDNSSD = '/run/rdnssd/resolv.conf';

/** What NetworkManager would write into resolv.conf if it were to. */
const NETWORK_MANAGER = ['/run/NetworkManager/no-stub-resolv.conf', '/run/NetworkManager/resolv.conf'] as const;

/** What systemd-networkd knows of each link, and tells systemd-resolved. */
const NETWORKD_LINKS = '/run/systemd/netif/links';

/**
 * Whether anything on this machine would also ask the DNS servers that IPv6 routers advertise (RFC 8106). The files do
 * not distinguish them from servers learnt by DHCPv6, which bypass dns4tor just the same.
 */
export async function checkRouterAdvertisements(
  facts: Place & Pick<Facts, 'fs' | 'managers' | 'resolved' | 'standing'>,
): Promise<Verdict> {
  const { fs } = facts;
  const mayBeARouters = (server: string): boolean => isV6(server) && !isOurs(facts, server);
  const settings = await facts.resolved();
  if (settings === undefined && (await facts.managers()).resolved) return resolvedIsSilent();
  const ofLinks = (settings === undefined ? [] : linksAsked(facts, settings)).flatMap(({ link, servers }) =>
    servers.filter(mayBeARouters).map((server) => `${server} (${link})`),
  );
  if (ofLinks.length > 0) {
    return goesBeside(
      facts,
      `systemd-resolved asks the IPv6 servers ${ofLinks.join(', ')}, as routers advertise them`,
      'Set UseDNS=no in [IPv6AcceptRA] of the link’s .network file, or with NetworkManager ipv6.ignore-auto-dns=yes.',
    );
  }
  const named = (await readNameservers(fs)).filter(mayBeARouters);
  if (named.length > 0) {
    return goesElsewhere(facts, `resolv.conf names the IPv6 servers ${named.join(', ')}, as routers advertise them`);
  }
  const ofRdnssd = await readNameservers(fs, RDNSSD);
  // With resolvconf, it hands over to that what it knows, and leaves the file alone.
  if (ofRdnssd.length > 0 && (await facts.managers()).resolvconf === undefined) {
    return goesBeside(
      facts,
      `rdnssd writes into resolv.conf what routers advertise (${ofRdnssd.join(', ')})`,
      'Stop it: sudo systemctl disable --now rdnssd.service.',
    );
  }
  const known = new Set([...ofRdnssd, ...(await readUnused(fs))]);
  if (known.size === 0) return ok('no IPv6 router is known to have told this machine of a DNS server');
  return ok(`nothing here asks the IPv6 servers that routers advertise (${[...known].join(', ')})`);
}

async function readUnused(fs: FileSystem): Promise<readonly string[]> {
  const ofNetworkManager = await Promise.all(NETWORK_MANAGER.map((path) => readNameservers(fs, path)));
  const isThere = (await fs.inspect(NETWORKD_LINKS)) !== undefined;
  const files = isThere ? await fs.list(NETWORKD_LINKS) : [];
  const ofNetworkd = await Promise.all(
    files.map(async (name) => {
      const text = Buffer.from(await fs.read(`${NETWORKD_LINKS}/${name}`)).toString('latin1');
      return (/^DNS=(.*)$/m.exec(text)?.[1] ?? '').split(' ');
    }),
  );
  return [...ofNetworkManager, ...ofNetworkd].flat().filter(isV6);
}

/** As resolv.conf(5) and resolvectl(1) write it, with a port or without. */
function isV6(server: string): boolean {
  const [address = ''] = server.split(/[%#]/, 1);
  return address.startsWith('[') || isIPv6(address);
}
