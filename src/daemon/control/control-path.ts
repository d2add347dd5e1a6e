import { join } from 'node:path';
import type { ControlSocket } from '../../config/config.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { stateDirectory } from '../../tor/process/state-directory.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The control socket of the service that systemd runs (RuntimeDirectory=dns4tor). */
const OF_SERVICE = '/run/dns4tor/control';

/**
 * Where the daemon takes commands. With `auto`: in the runtime directory of the service, else in that of the user (XDG
 * Base Directory Specification), else beside the state of a managed tor. Undefined with `none`.
 *
 * @throws Dns4torError ERR_CONTROL_SOCKET the user has no home directory
 */
export function controlPath(choice: ControlSocket, env: Environment): string | undefined {
  if (choice.kind !== 'auto') return choice.kind === 'unix' ? choice.path : undefined;
  // systemd separates several RuntimeDirectory= entries by colons (systemd.exec(5)).
  const ofService = env['RUNTIME_DIRECTORY']?.split(':')[0];
  if (ofService) return join(ofService, 'control');
  const xdg = env['XDG_RUNTIME_DIR'];
  return xdg?.startsWith('/') ? join(xdg, 'dns4tor/control') : join(ownStateDirectory(env), 'control');
}

function ownStateDirectory(env: Environment): string {
  try {
    return stateDirectory(env);
  } catch (error) {
    const remedy = 'name a path with --control-socket';
    throw new Dns4torError('ERR_CONTROL_SOCKET', 'the user has no home directory', error, remedy);
  }
}

/** Where a command looks for the daemon, in this order. Root manages the service, other users their own daemon. */
export function controlPaths(choice: ControlSocket, env: Environment, isRoot: boolean): readonly string[] {
  const own = controlPath(choice, env);
  if (choice.kind !== 'auto' || own === undefined) return own === undefined ? [] : [own];
  return isRoot ? [OF_SERVICE, own] : [own, OF_SERVICE];
}
