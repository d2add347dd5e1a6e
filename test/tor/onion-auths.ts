import { createPrivateKey, type KeyObject } from 'node:crypto';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { TorAddress } from '../../src/model/tor-address.ts';
import { type ControlConnection, openControl } from '../../src/tor/control/control-connection.ts';
import { installOnionAuths, type OnionAuth } from '../../src/tor/control/onion-auth.ts';

const ADDRESS = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad';
/** Any 32 bytes are a valid key. */
const KEY_BYTES = Buffer.alloc(32, 'key');
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** A client authorisation for the default resolver's onion service. */
export const ONION_AUTH: OnionAuth = { address: ADDRESS, key: toKey(KEY_BYTES) };

/** Another key for the same address. */
export const OTHER_KEY: OnionAuth = { address: ADDRESS, key: toKey(Buffer.alloc(32, 'other')) };

function toKey(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_X25519, bytes]), format: 'der', type: 'pkcs8' });
}

/** The command that gives it to Tor. */
export const ONION_AUTH_COMMAND: string = `ONION_CLIENT_AUTH_ADD ${ADDRESS} x25519:${KEY_BYTES.toString('base64')}`;

/** Tor's description of it. */
export const SAME_ONION_AUTH_IN_TOR: string = `CLIENT ${ADDRESS} x25519:${KEY_BYTES.toString('base64')}`;

/** Gives Tor a client authorisation, as any controller can. */
export async function addOnionAuth(control: TorAddress, auth: OnionAuth): Promise<void> {
  using connection = await open(control);
  await installOnionAuths(connection, [auth], (error) => {
    throw error;
  });
}

function open(control: TorAddress): Promise<ControlConnection> {
  return openControl({ address: control, clock: systemClock, random: systemRandom, onEvent: () => {} });
}

/** Lists the client authorisations that Tor has. */
export async function viewOnionAuths(control: TorAddress): Promise<readonly string[]> {
  using connection = await open(control);
  const lines = await connection.command('ONION_CLIENT_AUTH_VIEW');
  return lines.filter((line) => line.startsWith('CLIENT '));
}
