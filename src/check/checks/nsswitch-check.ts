import type { FileSystem } from '../../system/transaction/file-system.ts';
import type { Facts } from '../facts.ts';
import { goesElsewhere, resolvedIsSilent, whereResolvedAsks } from '../resolution-path.ts';
import { gravest, ok, type Verdict, warn } from '../check-verdict.ts';

const NSSWITCH = '/etc/nsswitch.conf';

/** What glibc does without the file, or without the line. */
const DEFAULT_SERVICES = ['files', 'dns'] as const;

/** nss-resolve(8): asks systemd-resolved, whatever resolv.conf says. */
const RESOLVED = 'resolve';

/** Those that may ask others on the network than DNS servers for any name; `mdns4_minimal` and the like do so below `.local` alone. */
const NETWORK_SERVICES: ReadonlySet<string> = new Set([
  'mdns',
  'mdns4',
  'mdns6',
  'wins',
  'nis',
  'nisplus',
  'hesiod',
  'ldap',
  'sss',
]);

/** Whether programs that ask the C library for a name come to dns4tor, and to nobody else. */
export async function checkNsswitch(
  facts: Pick<Facts, 'config' | 'addresses' | 'fs' | 'managers' | 'resolved' | 'standing'>,
): Promise<Verdict> {
  const services = await readHostServices(facts.fs);
  const byDns = await checkDns(facts, services);
  const others = services.filter((service) => NETWORK_SERVICES.has(service));
  if (others.length === 0) return byDns;
  return gravest(
    byDns,
    warn(
      `names may be asked for on the local network, too (${others.join(', ')})`,
      `Take that from the line hosts: of ${NSSWITCH}; mdns4_minimal in its place asks for names below .local alone.`,
    ),
  );
}

async function checkDns(facts: Parameters<typeof checkNsswitch>[0], services: readonly string[]): Promise<Verdict> {
  if (services.includes(RESOLVED)) {
    switch (await whereResolvedAsks(facts)) {
      case 'dns4tor':
        return ok('names go to systemd-resolved whatever resolv.conf says, and so to dns4tor');
      case 'elsewhere':
        return goesElsewhere(
          facts,
          'names go to systemd-resolved whatever resolv.conf says, which does not ask dns4tor alone',
        );
      case 'unknown':
        return resolvedIsSilent();
      case 'nowhere':
      // It is unavailable, and the next service is asked.
    }
  }
  if (services.includes('dns')) return ok(`names go where resolv.conf says (hosts: ${services.join(' ')})`);
  return warn(
    `programs do not ask for names by DNS (hosts: ${services.join(' ')})`,
    `Put dns at the end of the line hosts: of ${NSSWITCH}.`,
  );
}

/** nsswitch.conf(5): the services of `hosts`, without the actions in brackets. */
async function readHostServices(fs: FileSystem): Promise<readonly string[]> {
  if ((await fs.inspect(NSSWITCH)) === undefined) return DEFAULT_SERVICES;
  const text = Buffer.from(await fs.read(NSSWITCH)).toString('latin1');
  const [, line] = /^\s*hosts:([^\n#]*)/m.exec(text) ?? [];
  if (line === undefined) return DEFAULT_SERVICES;
  return line
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .split(/\s+/)
    .filter((service) => service !== '');
}
