import type { Machine } from '../machine.ts';
import { isResolvedRunning } from './detect-managers.ts';
import { areLocal } from './resolv-conf.ts';
import { readResolvedLinks } from './resolvectl.ts';

/**
 * Warns of links whose servers systemd-resolved asks for all names, besides dns4tor. A VPN usually sets this, and sets
 * it again each time it connects, so dns4tor does not remove it: that would only hide the problem. Never rejects.
 */
export async function warnAboutOtherLinks({ fs, run, warn }: Machine): Promise<void> {
  const isRunning = await isResolvedRunning(fs, run).catch(() => false);
  const settings = isRunning ? await readResolvedLinks(run) : undefined;
  const others = (settings?.links ?? []).filter(
    ({ servers, domains }) => domains.includes('~.') && servers.length > 0 && !areLocal(servers),
  );
  if (others.length === 0) return;
  const commands = others.map(({ link = '' }) => `resolvectl domain ${link} ''`);
  warn(
    `systemd-resolved also sends all names to the servers of ${others.map(({ link }) => link).join(', ')} (domain ~.), ` +
      `bypassing dns4tor. Turn that off in the settings of that VPN or network, and run: ${commands.join('; ')}`,
  );
}
