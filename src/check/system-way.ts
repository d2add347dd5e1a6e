import { formatHostPort } from '../lib/host-port.ts';
import { RESOLV_CONF_PORT } from '../system/resolv-conf.ts';
import type { Facts } from './facts.ts';
import { skip, type Verdict, warn } from './verdict.ts';

/*
 * How names come from programs to dns4tor. All that looks at a part of that way agrees here on what is dns4tor, and on what to say where it is not.
 */

/** A pause is not told apart: whoever has asked for one knows. */
const INSTALL =
  'Run `sudo dns4tor install` (--dry-run shows what it would do), or wait for the end of a `dns4tor pause`.';

/** Where dns4tor answers. */
export type Place = Pick<Facts, 'config' | 'addresses'>;

/** Whether a server, as resolv.conf(5) and resolvectl(1) write it, is where dns4tor answers. */
export function isOurs({ config: { port }, addresses }: Place, server: string): boolean {
  // resolvectl puts the interface and the name for TLS behind it.
  const [place] = server.split(/[%#]/, 1);
  return addresses.some(
    (address) => place === formatHostPort(address, port) || (port === RESOLV_CONF_PORT && place === address),
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

/** Names do not come to dns4tor: not as it should be where it is to be the system's resolver, for which it has to have port 53. */
export function goesElsewhere(
  { config: { port } }: Pick<Facts, 'config'>,
  line: string,
  advice: string = INSTALL,
): Verdict {
  if (port === RESOLV_CONF_PORT) return warn(line, advice);
  return skip(`${line}; this dns4tor, on port ${port}, is not the system’s resolver`);
}

/** systemd-resolved runs, and it is not known what it does. */
export function resolvedIsSilent(): Verdict {
  return warn('systemd-resolved runs, and does not say whom it asks', 'See what `resolvectl status` says.');
}
