import { isIPv6 } from 'node:net';
import { readNameservers } from '../../system/managers/resolv-conf.ts';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import { ok, type Verdict } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';
import {
  findAskedLinks,
  isOurs,
  judgeBypass,
  type OwnAddresses,
  resolvedUnknown,
  warnOfBypass,
} from '../resolution-path.ts';

/** rdnssd(8) writes advertised servers to this file, and by its hook into resolv.conf. */
const RDNSSD = '/run/rdnssd/resolv.conf';

/** NetworkManager writes the servers it knows to these files, even if it does not manage resolv.conf. */
const NETWORK_MANAGER = ['/run/NetworkManager/no-stub-resolv.conf', '/run/NetworkManager/resolv.conf'] as const;

/**
 * systemd-networkd writes the servers of each link to a file in this directory, and passes them to systemd-resolved.
 */
const NETWORKD_LINKS = '/run/systemd/netif/links';

/**
 * Checks that nothing on this machine uses the DNS servers that IPv6 routers advertise (RFC 8106). The files do not
 * distinguish them from servers learnt by DHCPv6, which bypass dns4tor just the same.
 */
export async function checkRouterAdvertisements(
  facts: OwnAddresses & Pick<Facts, 'fs' | 'managers' | 'resolved' | 'installation'>,
): Promise<Verdict> {
  const { fs } = facts;
  const mayBeAdvertised = (server: string): boolean => isV6(server) && !isOurs(facts, server);
  const settings = await facts.resolved();
  if (settings === undefined && (await facts.managers()).resolved) return resolvedUnknown();
  const ofLinks = (settings === undefined ? [] : findAskedLinks(facts, settings)).flatMap(({ link, servers }) =>
    servers.filter(mayBeAdvertised).map((server) => `${server} (${link})`),
  );
  if (ofLinks.length > 0) {
    return warnOfBypass(
      facts,
      `systemd-resolved asks the IPv6 servers ${ofLinks.join(', ')}, probably advertised by routers`,
      'Set UseDNS=no in [IPv6AcceptRA] of the link’s .network file; with NetworkManager, set ipv6.ignore-auto-dns=yes.',
    );
  }
  const named = (await readNameservers(fs)).filter(mayBeAdvertised);
  if (named.length > 0) {
    return judgeBypass(facts, `resolv.conf names the IPv6 servers ${named.join(', ')}, probably advertised by routers`);
  }
  const ofRdnssd = await readNameservers(fs, RDNSSD);
  // With resolvconf, rdnssd passes the servers on to it and does not write resolv.conf.
  if (ofRdnssd.length > 0 && (await facts.managers()).resolvconf === undefined) {
    return warnOfBypass(
      facts,
      `rdnssd writes the servers that routers advertise into resolv.conf (${ofRdnssd.join(', ')})`,
      'Stop it: sudo systemctl disable --now rdnssd.service.',
    );
  }
  const known = new Set([...ofRdnssd, ...(await readUnused(fs))]);
  if (known.size === 0) return ok('no IPv6 router is known to have advertised a DNS server');
  return ok(`nothing here uses the IPv6 servers that routers advertise (${[...known].join(', ')})`);
}

/** Reads the IPv6 servers that network programs know but may not have put to use. */
/** Reads the IPv6 servers that network programs know but may not have put to use. */
async function readUnused(fs: FileSystem): Promise<readonly string[]> {
  const ofNetworkManager = await Promise.all(NETWORK_MANAGER.map((path) => readNameservers(fs, path)));
  const exists = (await fs.inspect(NETWORKD_LINKS)) !== undefined;
  const files = exists ? await fs.list(NETWORKD_LINKS) : [];
  const ofNetworkd = await Promise.all(
    files.map(async (name) => {
      const text = Buffer.from(await fs.read(`${NETWORKD_LINKS}/${name}`)).toString('latin1');
      return (/^DNS=(.*)$/m.exec(text)?.[1] ?? '').split(' ');
    }),
  );
  return [...ofNetworkManager, ...ofNetworkd].flat().filter(isV6);
}

/** Whether a server, as resolv.conf(5) and resolvectl(1) write it, is an IPv6 address, with or without a port. */
function isV6(server: string): boolean {
  const [address = ''] = server.split(/[%#]/, 1);
  return address.startsWith('[') || isIPv6(address);
}
