import { readNameservers } from '../../system/managers/resolv-conf.ts';
import type { Facts } from '../facts.ts';
import { goesElsewhere, isOurs, resolvedIsSilent, whereResolvedAsks } from '../resolution-path.ts';
import { ok, type Verdict } from '../check-verdict.ts';

/** resolv.conf(5): so many are used, and where none is named the one on this machine. */
const MAX_SERVERS = 3;
const DEFAULT_SERVER = '127.0.0.1';

/** Where systemd-resolved listens (systemd-resolved.service(8)). */
const STUBS: ReadonlySet<string> = new Set(['127.0.0.53', '127.0.0.54']);

/** Whether the servers that programs are sent to are dns4tor, or systemd-resolved which asks dns4tor. */
export async function checkResolvConf(
  facts: Pick<Facts, 'config' | 'addresses' | 'fs' | 'managers' | 'resolved' | 'standing'>,
): Promise<Verdict> {
  const named = (await readNameservers(facts.fs)).slice(0, MAX_SERVERS);
  const servers = named.length === 0 ? [DEFAULT_SERVER] : named;
  const others = servers.filter((server) => !isOurs(facts, server));
  if (others.length === 0) return ok(`programs are sent to dns4tor (${servers.join(', ')})`);
  const beside = others.length < servers.length ? 'beside dns4tor' : 'not to dns4tor';
  const stubs = others.filter((server) => STUBS.has(server));
  if (stubs.length < others.length) return goesElsewhere(facts, `programs are sent to ${others.join(', ')}, ${beside}`);
  switch (await whereResolvedAsks(facts)) {
    case 'dns4tor':
      return ok('programs are sent to systemd-resolved, which asks dns4tor');
    case 'elsewhere':
      return goesElsewhere(facts, 'programs are sent to systemd-resolved, which does not ask dns4tor alone');
    case 'unknown':
      return resolvedIsSilent();
    case 'nowhere':
      return goesElsewhere(facts, `programs are sent to ${stubs.join(', ')}, but systemd-resolved does not run`);
  }
}
