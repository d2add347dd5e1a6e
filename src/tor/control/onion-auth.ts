import type { KeyObject } from 'node:crypto';
import { Dns4torError } from '../../failures/errors.ts';
import type { ControlConnection } from './control-connection.ts';
import type { ControlReply } from './control-reply.ts';

/** What an onion service with client authorisation asks of those who look it up (rend-spec, "Client authorization"). */
export interface OnionAuth {
  /** The service's address: 56 characters, without `.onion`. */
  readonly address: string;
  /** The client's private X25519 key. Not a text, so that no log, error or JSON can show it. */
  readonly key: KeyObject;
}

/**
 * Gives tor the keys, each in place of one it may have for the same address. They stay until it ends or forgets them, and
 * are not written to its disk.
 *
 * @param onFailed is told of each that tor did not take
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
      // Whoever opened the connection hears of its end, and begins anew.
      if (!control.isOpen) return;
      onFailed(new Dns4torError('ERR_TOR_ONION_AUTH', `${address}.onion`, error));
    }
  }
}

/** Which key tor holds for an onion service: the configured one, another one, or none. */
export type OnionKeyPresence = 'present' | 'another' | 'absent';

/**
 * Asks tor whether it holds the key. Changes nothing.
 *
 * @throws Dns4torError ERR_TOR_CONTROL tor did not answer the command
 */
export async function findOnionKey(control: ControlConnection, { address, key }: OnionAuth): Promise<OnionKeyPresence> {
  const lines = await control.command(`ONION_CLIENT_AUTH_VIEW ${address}`);
  // control-spec, "ONION_CLIENT_AUTH_VIEW": CLIENT, the address, the key type and key, then options.
  const held = lines.find((line) => line.startsWith(`CLIENT ${address} `))?.split(' ')[2];
  if (held === undefined) return 'absent';
  return held === `x25519:${encodeKey(key)}` ? 'present' : 'another';
}

/**
 * Whether tor has just forgotten the keys: it does whenever its configuration is set or read anew, and at a NEWNYM (seen with
 * 0.4.9), which any controller or a SIGHUP may bring about. The events are CONF_CHANGED and SIGNAL.
 */
export function forgetsOnionAuths({ lines: [first = ''] }: ControlReply): boolean {
  return first.startsWith('CONF_CHANGED') || first === 'SIGNAL RELOAD' || first === 'SIGNAL NEWNYM';
}

function encodeKey(key: KeyObject): string {
  const { d = '' } = key.export({ format: 'jwk' });
  return Buffer.from(d, 'base64url').toString('base64');
}
