import { join, resolve } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import { findUntrusted } from '../../lib/path-trust.ts';
import type { Bridge, TransportProgram } from '../../model/bridge.ts';

/** Files and sockets of a managed Tor. */
export interface TorPaths {
  /** Holds all the others. Private to dns4tor's user (mode 0700). */
  readonly directory: string;
  readonly torrc: string;
  readonly socks: string;
  readonly control: string;
  readonly cookie: string;
}

/** unix(7): sun_path has 108 bytes. Tor needs one for the final NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

/**
 * Names the files in a managed Tor's directory.
 *
 * @throws Dns4torError ERR_TOR_MANAGED the path is too long for a unix socket, or contains a control character
 */
export function torPaths(directory: string): TorPaths {
  const control = join(directory, 'control');
  const bytes = Buffer.byteLength(control);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new Dns4torError(
      'ERR_TOR_MANAGED',
      `the path ${control} has ${bytes} bytes; a unix socket's path has at most ${MAX_SOCKET_PATH_BYTES}`,
    );
  }
  if (hasControlCharacter(directory))
    throw new Dns4torError('ERR_TOR_MANAGED', 'control character in the path of the state directory');
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

/** What a torrc holds besides paths. */
export interface TorrcContents {
  /** If there are any, Tor connects to nothing else. */
  readonly bridges: readonly Bridge[];
  /** One for each pluggable transport of the bridges. */
  readonly transports: readonly TransportProgram[];
  /** Validated lines of the user. */
  readonly torOptions: readonly string[];
}

/** Renders the torrc of a managed Tor. Options added by the user come last. Secret if there are bridges. */
export function renderTorrc(paths: TorPaths, ownerPid: number, contents: TorrcContents): string {
  return [
    '# Written by dns4tor at each start. Use --tor-option to add options.',
    `DataDirectory ${quote(paths.directory)}`,
    // Unix sockets in a private directory: no other user can connect, and no port can conflict.
    `SocksPort unix:${quote(paths.socks)} ExtendedErrors`,
    // Not ControlSocket, which cuts the path at a space.
    `ControlPort unix:${quote(paths.control)}`,
    'CookieAuthentication 1',
    `CookieAuthFile ${quote(paths.cookie)}`,
    // Tor checks every 15 s whether this process lives, until dns4tor takes ownership over the control connection.
    `__OwningControllerProcess ${ownerPid}`,
    'ClientOnly 1',
    'AvoidDiskWrites 1',
    'SafeLogging 1',
    'Log notice stdout',
    ...renderBridges(contents),
    ...contents.torOptions,
    '',
  ].join('\n');
}

function renderBridges({ bridges, transports }: TorrcContents): readonly string[] {
  if (bridges.length === 0) return [];
  // Tor starts each program once, with all transports that it is to carry.
  const programs = Map.groupBy(transports, ({ path }) => path);
  return [
    'UseBridges 1',
    ...bridges.map((bridge) => `Bridge ${bridge.toTorrc()}`),
    ...[...programs].map(([path, carried]) => {
      const names = carried.map(({ transport }) => transport).join(',');
      return `ClientTransportPlugin ${names} exec ${path}`;
    }),
  ];
}

function quote(path: string): string {
  return `"${path.replaceAll(/["\\]/g, '\\$&')}"`;
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text.replaceAll('\t', ' '));
}
