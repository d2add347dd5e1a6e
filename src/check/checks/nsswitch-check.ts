import type { FileSystem } from '../../system/transaction/file-system.ts';
import { ok, type Verdict, warn, worst } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';
import { findResolvedTarget, judgeBypass, resolvedUnknown } from '../resolution-path.ts';

const NSSWITCH = '/etc/nsswitch.conf';

/** glibc's default without the file or the `hosts` line. */
const DEFAULT_SERVICES = ['files', 'dns'] as const;

/** nss-resolve(8), which asks systemd-resolved whatever resolv.conf says. */
const RESOLVED = 'resolve';

/**
 * Services that may look up any name on the network by other means than DNS. `mdns4_minimal` and the like do so only
 * below `.local`.
 */
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

/** Checks that programs that resolve names with the C library reach dns4tor and nothing else. */
export async function checkNsswitch(
  facts: Pick<Facts, 'config' | 'addresses' | 'fs' | 'managers' | 'resolved' | 'installation'>,
): Promise<Verdict> {
  const services = await readHostServices(facts.fs);
  const byDns = await checkDns(facts, services);
  const others = services.filter((service) => NETWORK_SERVICES.has(service));
  if (others.length === 0) return byDns;
  return worst(
    byDns,
    warn(
      `programs also look up names on the local network (${others.join(', ')})`,
      `Remove that from the hosts: line of ${NSSWITCH}. mdns4_minimal in its place looks up only names below .local.`,
    ),
  );
}

async function checkDns(facts: Parameters<typeof checkNsswitch>[0], services: readonly string[]): Promise<Verdict> {
  if (services.includes(RESOLVED)) {
    switch (await findResolvedTarget(facts)) {
      case 'dns4tor':
        return ok('programs use systemd-resolved whatever resolv.conf says, and it asks dns4tor');
      case 'elsewhere':
        return judgeBypass(
          facts,
          'programs use systemd-resolved whatever resolv.conf says, and it does not ask only dns4tor',
        );
      case 'unknown':
        return resolvedUnknown();
      case 'inactive':
      // nss-resolve is unavailable, and glibc tries the next service.
    }
  }
  if (services.includes('dns')) return ok(`programs follow resolv.conf (hosts: ${services.join(' ')})`);
  return warn(
    `programs do not use DNS (hosts: ${services.join(' ')})`,
    `Append dns to the hosts: line of ${NSSWITCH}.`,
  );
}

/** Reads the services for `hosts`, without the actions in brackets (nsswitch.conf(5)). */
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
