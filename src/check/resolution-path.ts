import { formatHostPort } from '../lib/host-port.ts';
import { RESOLV_CONF_PORT } from '../system/managers/resolv-conf.ts';
import type { Facts } from './facts.ts';
import { fail, skip, type Verdict, warn } from './check-verdict.ts';

/*
 * How names come from programs to dns4tor. All that looks at a part of that way agrees here on what is dns4tor, and on what to say where it is not.
 */

const INSTALL =
  'Run `sudo dns4tor install` (--dry-run shows what it would do), or wait for the end of a `dns4tor pause`.';

/** Mentions a pause because only root can read the journal: for other users, a pause looks like a lost file. */
export const WRITE_AGAIN =
  'Unless `dns4tor pause` is in effect, run `sudo dns4tor install --force`; it keeps a copy of what another program wrote (--dry-run shows the changes).';

/** Where dns4tor answers. */
export type Place = Pick<Facts, 'config' | 'addresses'>;

/** Whether a server, as resolv.conf(5) and resolvectl(1) write it, is where dns4tor answers. */
export function isOurs({ config: { port }, addresses }: Place, server: string): boolean {
  // resolvectl appends the interface and the TLS name. The interface is part of a link-local address (RFC 4007 §11).
  const [named = ''] = server.split('#', 1);
  const [place] = named.split('%', 1);
  return addresses.some(
    (address) =>
      place === formatHostPort(address, port) ||
      (port === RESOLV_CONF_PORT && (place === address || named === address)),
  );
}

/**
 * Where systemd-resolved takes the names that it is asked for, those aside that belong to a link; `unknown` if it runs and does not say so.
 */
export async function whereResolvedAsks(
  facts: Pick<Facts, 'managers' | 'resolved'> & Place,
): Promise<'nowhere' | 'unknown' | 'dns4tor' | 'elsewhere'> {
  if (!(await facts.managers()).resolved) return 'nowhere';
  const settings = await facts.resolved();
  if (settings === undefined) return 'unknown';
  const { servers } = settings.global;
  return servers.length > 0 && servers.every((server) => isOurs(facts, server)) ? 'dns4tor' : 'elsewhere';
}

/**
 * The verdict where queries do not reach dns4tor. A failure if `dns4tor install` made this dns4tor the system's
 * resolver; otherwise as {@link goesBeside}.
 */
export async function goesElsewhere(facts: Pick<Facts, 'config' | 'standing'>, line: string): Promise<Verdict> {
  return (await isInstalled(facts))
    ? fail(`${line}, despite \`dns4tor install\``, WRITE_AGAIN)
    : goesBeside(facts, line);
}

/**
 * The verdict for a bypass that `dns4tor install` does not close: a warning on port 53, which the system's resolver
 * needs.
 */
export function goesBeside(
  { config: { port } }: Pick<Facts, 'config'>,
  line: string,
  advice: string = INSTALL,
): Verdict {
  if (port === RESOLV_CONF_PORT) return warn(line, advice);
  return skip(`${line}; this dns4tor, on port ${port}, is not the system’s resolver`);
}

/** Whether `dns4tor install` made this dns4tor the system's resolver. False during a pause, if this user can see it. */
async function isInstalled({ config: { port }, standing }: Pick<Facts, 'config' | 'standing'>): Promise<boolean> {
  const found = await standing();
  if (found.state !== 'installed') return false;
  return port === (found.journal?.target.port ?? RESOLV_CONF_PORT);
}

/** systemd-resolved runs, and it is not known what it does. */
export function resolvedIsSilent(): Verdict {
  return warn('systemd-resolved runs, and does not say whom it asks', 'See what `resolvectl status` says.');
}
