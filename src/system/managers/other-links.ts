import { isResolvedRunning } from './detect-managers.ts';
import type { Machine } from '../machine.ts';
import { areLocal } from './resolv-conf.ts';
import { readResolvedLinks } from './resolvectl.ts';

/**
 * Tells of links whose own servers systemd-resolved asks for all names beside dns4tor. It was a VPN or the like that wanted this, and may want it
 * again whenever it is started: to take it away for once would hide that. Never rejects.
 */
export async function warnOfOtherLinks({ fs, run, warn }: Machine): Promise<void> {
  // What it is said about is done, and does not fail because nothing can be said.
  const isRunning = await isResolvedRunning(fs, run).catch(() => false);
  const settings = isRunning ? await readResolvedLinks(run) : undefined;
  const others = (settings?.links ?? []).filter(
    ({ servers, domains }) => domains.includes('~.') && servers.length > 0 && !areLocal(servers),
  );
  if (others.length === 0) return;
  const commands = others.map(({ link = '' }) => `resolvectl domain ${link} ''`);
  warn(
    `systemd-resolved sends all names also to the servers of ${others.map(({ link }) => link).join(', ')} (domain ~.), past dns4tor; ` +
      `take that out of the settings of the VPN or network that it is of, and run: ${commands.join('; ')}`,
  );
}
