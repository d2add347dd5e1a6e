import { formatHostPort } from '../lib/host-port.ts';
import { RESOLV_CONF_PORT } from '../system/resolv-conf.ts';
import type { Facts } from './facts.ts';
import { fail, skip, type Verdict, warn } from './verdict.ts';

/*
 * How names come from programs to dns4tor. All that looks at a part of that way agrees here on what is dns4tor, and on what to say where it is not.
 */

const INSTALL =
  'Run `sudo dns4tor install` (--dry-run shows what it would do), or wait for the end of a `dns4tor pause`.';

/** A pause that this user may not see is not told apart: whoever has asked for one knows. */
export const WRITE_AGAIN =
  'Unless it is a `dns4tor pause`, run `sudo dns4tor install --force`, which keeps what another program wrote beside it (--dry-run shows what it would do).';

/** Where dns4tor answers. */
export type Place = Pick<Facts, 'config' | 'addresses'>;

/** Whether a server, as resolv.conf(5) and resolvectl(1) write it, is where dns4tor answers. */
export function isOurs({ config: { port }, addresses }: Place, server: string): boolean {
  // resolvectl puts the interface and the name for TLS behind it. Of a link-local address the interface is a part (RFC 4007 §11).
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
  const { servers } = settings.everywhere;
  return servers.length > 0 && servers.every((server) => isOurs(facts, server)) ? 'dns4tor' : 'elsewhere';
}

/**
 * Names do not come to dns4tor: a failure where `dns4tor install` has made it the system's resolver, and else not as it should be where it may be
 * that, for which it has to have port 53.
 */
export async function goesElsewhere(facts: Pick<Facts, 'config' | 'standing'>, line: string): Promise<Verdict> {
  return (await isInstalled(facts)) ? fail(`${line}, though it was installed`, WRITE_AGAIN) : goesBeside(facts, line);
}

/** As {@link goesElsewhere}, of what `dns4tor install` leaves to those who set it up. */
export function goesBeside(
  { config: { port } }: Pick<Facts, 'config'>,
  line: string,
  advice: string = INSTALL,
): Verdict {
  if (port === RESOLV_CONF_PORT) return warn(line, advice);
  return skip(`${line}; this dns4tor, on port ${port}, is not the system’s resolver`);
}

/** Whether `dns4tor install` has made this dns4tor the system's resolver, and no pause is known of. */
async function isInstalled({ config: { port }, standing }: Pick<Facts, 'config' | 'standing'>): Promise<boolean> {
  const found = await standing();
  if (found.state !== 'installed') return false;
  return port === (found.journal?.target.port ?? RESOLV_CONF_PORT);
}

/** systemd-resolved runs, and it is not known what it does. */
export function resolvedIsSilent(): Verdict {
  return warn('systemd-resolved runs, and does not say whom it asks', 'See what `resolvectl status` says.');
}
