import { createPrivateKey } from 'node:crypto';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { openControl } from '../../src/tor/control.ts';
import type { OnionAuth } from '../../src/tor/onion-auth.ts';
import type { TorAddress } from '../../src/tor/tor-address.ts';

const ADDRESS = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad';
/** A key is any 32 bytes. */
const KEY_BYTES = Buffer.alloc(32, 'key');
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** A client authorisation for the address of the default resolver. */
export const ONION_AUTH: OnionAuth = {
  address: ADDRESS,
  key: createPrivateKey({ key: Buffer.concat([PKCS8_X25519, KEY_BYTES]), format: 'der', type: 'pkcs8' }),
};

/** As tor is given it. */
export const ONION_AUTH_COMMAND: string = `ONION_CLIENT_AUTH_ADD ${ADDRESS} x25519:${KEY_BYTES.toString('base64')}`;

/** As tor shows it. */
export const SAME_ONION_AUTH_IN_TOR: string = `CLIENT ${ADDRESS} x25519:${KEY_BYTES.toString('base64')}`;

/** The client authorisations that a tor has. */
export async function viewOnionAuths(control: TorAddress): Promise<readonly string[]> {
  using connection = await openControl({
    address: control,
    clock: systemClock,
    random: systemRandom,
    onEvent: () => {},
  });
  const lines = await connection.command('ONION_CLIENT_AUTH_VIEW');
  return lines.filter((line) => line.startsWith('CLIENT '));
}
