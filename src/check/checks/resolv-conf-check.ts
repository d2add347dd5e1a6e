import { readQueriedServers } from '../../system/managers/resolv-conf.ts';
import { RESOLVED_STUBS } from '../../system/managers/resolved.ts';
import { ok, type Verdict } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';
import { findResolvedTarget, isOurs, judgeBypass, resolvedUnknown } from '../resolution-path.ts';

/** Checks that resolv.conf names only dns4tor, or a systemd-resolved that asks only dns4tor. */
export async function checkResolvConf(
  facts: Pick<Facts, 'config' | 'addresses' | 'fs' | 'managers' | 'resolved' | 'installation'>,
): Promise<Verdict> {
  const servers = await readQueriedServers(facts.fs);
  const others = servers.filter((server) => !isOurs(facts, server));
  if (others.length === 0) return ok(`programs use dns4tor (${servers.join(', ')})`);
  const how = others.length < servers.length ? 'besides dns4tor' : 'instead of dns4tor';
  const stubs = others.filter((server) => RESOLVED_STUBS.has(server));
  if (stubs.length < others.length) return judgeBypass(facts, `programs use ${others.join(', ')} ${how}`);
  switch (await findResolvedTarget(facts)) {
    case 'dns4tor':
      return ok('programs use systemd-resolved, which asks dns4tor');
    case 'elsewhere':
      return judgeBypass(facts, 'programs use systemd-resolved, which does not ask only dns4tor');
    case 'unknown':
      return resolvedUnknown();
    case 'inactive':
      return judgeBypass(facts, `programs use ${stubs.join(', ')}, but systemd-resolved does not run`);
  }
}
