import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import { findUntrusted } from '../../lib/path-trust.ts';

/** Where the parts of a managed tor are. */
export interface TorPaths {
  /** Holds all the others; ours alone (mode 0700). */
  readonly directory: string;
  readonly torrc: string;
  readonly socks: string;
  readonly control: string;
  readonly cookie: string;
}

/**
 * The state directory of dns4tor: systemd's, which is there and ours already, else by the XDG base directory specification.
 *
 * @throws Dns4torError ERR_TOR_MANAGED for a user without a home directory, such as systemd makes for one service
 */
export function stateDirectory(env: Readonly<Record<string, string | undefined>>): string {
  // With several StateDirectory= lines systemd puts a colon between them (systemd.exec(5)).
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
    throw new Dns4torError('ERR_TOR_MANAGED', 'its user has no home directory, and STATE_DIRECTORY is not set', error);
  }
}

// unix(7): sun_path has 108 bytes, of which tor keeps one for the final NUL.
const MAX_SOCKET_PATH_BYTES = 107;

/** @throws Dns4torError ERR_TOR_MANAGED the directory's name is too long for a unix socket in it, or holds a control character */
export function torPaths(directory: string): TorPaths {
  const control = join(directory, 'control');
  const bytes = Buffer.byteLength(control);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new Dns4torError(
      'ERR_TOR_MANAGED',
      `${control} has ${bytes} bytes; a unix socket's path has ${MAX_SOCKET_PATH_BYTES} at most`,
    );
  }
  if (hasControlCharacter(directory))
    throw new Dns4torError('ERR_TOR_MANAGED', 'control character in the state directory');
  return {
    directory,
    torrc: join(directory, 'torrc'),
    socks: join(directory, 'socks'),
    control,
    cookie: join(directory, 'control_auth_cookie'),
  };
}

/**
 * Refuses a state directory in which another user could replace sockets, keys or the torrc.
 *
 * @throws Dns4torError ERR_UNTRUSTED_PATH
 */
export function refuseUntrusted(directory: string): void {
  const untrusted = findUntrusted(resolve(directory));
  if (untrusted !== undefined) throw new Dns4torError('ERR_UNTRUSTED_PATH', untrusted);
}

/** The whole configuration of a managed tor. */
export function renderTorrc(paths: TorPaths, ownerPid: number, options: readonly string[]): string {
  return [
    '# Written by dns4tor at each start; use --tor-option to add to it.',
    `DataDirectory ${quote(paths.directory)}`,
    // A unix socket in a directory of ours: no other user's programs can reach it, and no port can be taken.
    `SocksPort unix:${quote(paths.socks)} ExtendedErrors`,
    // ControlSocket would be the same, but breaks off at a space in the path.
    `ControlPort unix:${quote(paths.control)}`,
    'CookieAuthentication 1',
    `CookieAuthFile ${quote(paths.cookie)}`,
    // Until dns4tor has taken ownership over the control connection, tor looks every 15 s whether this process lives.
    `__OwningControllerProcess ${ownerPid}`,
    'ClientOnly 1',
    'AvoidDiskWrites 1',
    'SafeLogging 1',
    'Log notice stdout',
    ...options,
    '',
  ].join('\n');
}

function quote(path: string): string {
  return `"${path.replaceAll(/["\\]/g, '\\$&')}"`;
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text.replaceAll('\t', ' '));
}
