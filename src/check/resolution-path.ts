/*
 * The path of a query from a program to dns4tor: resolv.conf, nsswitch.conf, systemd-resolved, Docker. The checks of
 * its parts share this file, so that they agree on which servers are dns4tor, and on the verdict when one is not.
 */
import { formatHostPort } from '../lib/host-port.ts';
import { RESOLV_CONF_PORT } from '../system/managers/resolv-conf.ts';
import type { ResolvedScope, ResolvedSettings } from '../system/managers/resolvectl.ts';
import { fail, skip, type Verdict, warn } from './check-verdict.ts';
import type { Facts } from './facts.ts';

const INSTALL_ADVICE =
  'Run `sudo dns4tor install` (--dry-run shows the changes), or wait for the end of a `dns4tor pause`.';

/** Mentions a pause because only root can read the journal: to other users, a pause looks like a missing file. */
export const REINSTALL_ADVICE =
  'Unless `dns4tor pause` is in effect, run `sudo dns4tor install`; it keeps a copy of what another program wrote (--dry-run shows the changes).';

/** The same for files of which only some lines are dns4tor's. */
export const REINSTALL_SHARED_ADVICE =
  'Run `sudo dns4tor install --force`; it writes the files as they were after the installation, and keeps copies of the present ones (--dry-run shows the changes).';

/** The addresses and the port at which dns4tor answers. */
export type OwnAddresses = Pick<Facts, 'config' | 'addresses'>;

/** Whether a server, as resolv.conf(5) and resolvectl(1) write it, is dns4tor. */
export function isOurs({ config: { port }, addresses }: OwnAddresses, server: string): boolean {
  // resolvectl appends the interface and the TLS name. The interface is part of a link-local address (RFC 4007 §11).
  const [named = ''] = server.split('#', 1);
  const [address] = named.split('%', 1);
  return addresses.some(
    (own) => address === formatHostPort(own, port) || (port === RESOLV_CONF_PORT && (address === own || named === own)),
  );
}

/**
 * Finds out where systemd-resolved sends queries, apart from names that belong to a link: to dns4tor alone, or also to
 * other servers. `inactive` if it does not run, `unknown` if it runs but does not tell.
 */
export async function findResolvedTarget(
  facts: Pick<Facts, 'managers' | 'resolved'> & OwnAddresses,
): Promise<'inactive' | 'unknown' | 'dns4tor' | 'elsewhere'> {
  if (!(await facts.managers()).resolved) return 'inactive';
  const settings = await facts.resolved();
  if (settings === undefined) return 'unknown';
  const { servers } = settings.global;
  return servers.length > 0 && servers.every((server) => isOurs(facts, server)) ? 'dns4tor' : 'elsewhere';
}

/** The routing domain of systemd-resolved that matches all names. */
const ALL_NAMES = '~.';

/** Finds the links of systemd-resolved whose servers, other than dns4tor, are asked for some or all names. */
export function findAskedLinks(own: OwnAddresses, settings: ResolvedSettings): readonly ResolvedScope[] {
  return settings.links.filter(
    (scope) =>
      scope.servers.some((server) => !isOurs(own, server)) &&
      (scope.domains.length > 0 || takesAllNames(settings, scope)),
  );
}

/**
 * Whether a link is asked for names that match no domain (systemd-resolved.service(8), "Protocols and routing"). Such
 * names go to the scopes with `~.`. If there are none, they go to every link except those with only routing domains.
 */
export function takesAllNames({ global, links }: ResolvedSettings, { domains }: ResolvedScope): boolean {
  if ([global, ...links].some((scope) => scope.domains.includes(ALL_NAMES))) return domains.includes(ALL_NAMES);
  return domains.length === 0 || domains.some((domain) => !domain.startsWith('~'));
}

/**
 * The verdict when queries bypass dns4tor. A failure if `dns4tor install` made this dns4tor the system's resolver;
 * otherwise as {@link warnOfBypass}.
 */
export async function judgeBypass(facts: Pick<Facts, 'config' | 'installation'>, line: string): Promise<Verdict> {
  return (await isInstalled(facts))
    ? fail(`${line}, despite \`dns4tor install\``, REINSTALL_ADVICE)
    : warnOfBypass(facts, line);
}

/**
 * The verdict for a bypass that `dns4tor install` does not close: a warning if this dns4tor is on port 53, which the
 * system's resolver needs. On another port, a bypass is expected.
 */
export function warnOfBypass(
  { config: { port } }: Pick<Facts, 'config'>,
  line: string,
  advice: string = INSTALL_ADVICE,
): Verdict {
  if (port === RESOLV_CONF_PORT) return warn(line, advice);
  return skip(`${line}; this dns4tor, on port ${port}, is not the system’s resolver`);
}

/** Whether `dns4tor install` made this dns4tor the system's resolver. False during a pause, if this user can see it. */
async function isInstalled({
  config: { port },
  installation,
}: Pick<Facts, 'config' | 'installation'>): Promise<boolean> {
  const found = await installation();
  if (found.state !== 'installed') return false;
  return port === (found.journal?.target.port ?? RESOLV_CONF_PORT);
}

/** The verdict when systemd-resolved runs but does not tell which servers it uses. */
export function resolvedUnknown(): Verdict {
  return warn('systemd-resolved runs, but does not tell which servers it asks', 'See what `resolvectl status` shows.');
}
