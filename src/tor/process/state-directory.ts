import { homedir } from 'node:os';
import { join } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';

/**
 * The state directory of dns4tor: systemd's StateDirectory=, or else the one of the XDG Base Directory Specification.
 *
 * @throws Dns4torError ERR_TOR_MANAGED the user has no home directory, such as a service's dynamic user
 */
export function stateDirectory(env: Readonly<Record<string, string | undefined>>): string {
  // systemd separates several StateDirectory= entries by colons (systemd.exec(5)).
  const ofService = env['STATE_DIRECTORY']?.split(':')[0];
  if (ofService) return ofService;
  const xdg = env['XDG_STATE_HOME'];
  // "All paths … must be absolute. If … relative, the application should consider the path invalid and ignore it."
  const stateHome = xdg?.startsWith('/') ? xdg : join(env['HOME'] || homeDirectory(), '.local/state');
  return join(stateHome, 'dns4tor');
}

function homeDirectory(): string {
  try {
    return homedir();
  } catch (error) {
    throw new Dns4torError('ERR_TOR_MANAGED', 'the user has no home directory, and STATE_DIRECTORY is not set', error);
  }
}
