import type { KeyObject } from 'node:crypto';
import { Dns4torError } from '../../failures/errors.ts';
import type { ControlConnection } from './control-connection.ts';
import type { ControlReply } from './control-reply.ts';

/** Client authorisation for one onion service (rend-spec, "Client authorization"). */
export interface OnionAuth {
  /** Address of the onion service: 56 characters, without `.onion`. */
  readonly address: string;
  /** The client's private X25519 key. A KeyObject, so that no log, error or JSON can show it. */
  readonly key: KeyObject;
}

/**
 * Gives Tor the keys, replacing any that it has for the same addresses. Tor keeps them in memory until it exits or
 * forgets them, and does not write them to disk.
 *
 * @param onFailed receives an error for each key that Tor rejects
 */
export async function installOnionAuths(
  control: ControlConnection,
  auths: readonly OnionAuth[],
  onFailed: (error: Dns4torError) => void,
): Promise<void> {
  for (const { address, key } of auths) {
    try {
      await control.command(`ONION_CLIENT_AUTH_ADD ${address} x25519:${encodeKey(key)}`);
    } catch (error) {
      // The owner of the connection learns of its end from `closed`, and reconnects.
      if (!control.isOpen) return;
      onFailed(new Dns4torError('ERR_TOR_ONION_AUTH', `${address}.onion`, error));
    }
  }
}

/** The key that Tor holds for an onion service: the configured one, another one, or none. */
export type OnionKeyPresence = 'present' | 'another' | 'absent';

/**
 * Looks up whether Tor holds the key. Changes nothing.
 *
 * @throws Dns4torError ERR_TOR_CONTROL Tor rejected the command or did not reply
 */
export async function findOnionKey(control: ControlConnection, { address, key }: OnionAuth): Promise<OnionKeyPresence> {
  const lines = await control.command(`ONION_CLIENT_AUTH_VIEW ${address}`);
  // control-spec, "ONION_CLIENT_AUTH_VIEW": CLIENT, the address, the key type and key, then options.
  const held = lines.find((line) => line.startsWith(`CLIENT ${address} `))?.split(' ')[2];
  if (held === undefined) return 'absent';
  return held === `x25519:${encodeKey(key)}` ? 'present' : 'another';
}

/**
 * Whether an event means that Tor has just forgotten the keys. It does so when its configuration is set or reloaded,
 * and on NEWNYM (seen with 0.4.9); any controller or a SIGHUP can cause that. The events are CONF_CHANGED and SIGNAL.
 */
export function forgetsOnionAuths({ lines: [first = ''] }: ControlReply): boolean {
  return first.startsWith('CONF_CHANGED') || first === 'SIGNAL RELOAD' || first === 'SIGNAL NEWNYM';
}

function encodeKey(key: KeyObject): string {
  const { d = '' } = key.export({ format: 'jwk' });
  return Buffer.from(d, 'base64url').toString('base64');
}
