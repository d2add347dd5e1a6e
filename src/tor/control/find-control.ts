import { Dns4torError } from '../../failures/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { ControlConnection } from './control-connection.ts';
import { quotedStrings } from './quoted-strings.ts';
import { formatTorAddress, type TorAddress } from '../tor-address.ts';

/** Where control ports usually are: Debian's package on its unix socket and tor's own port, then Tor Browser. */
const USUAL_CONTROL_ADDRESSES: readonly TorAddress[] = [
  { kind: 'unix', path: '/run/tor/control' },
  { kind: 'tcp', host: '127.0.0.1', port: 9051 },
  { kind: 'tcp', host: '127.0.0.1', port: 9151 },
];

/** Where the control port of a tor that is not ours is to be found: `--tor-control`. */
export type ControlChoice = TorAddress | { readonly kind: 'auto' } | { readonly kind: 'none' };

/** Where a tor's control port may be. */
export interface ControlPlaces {
  /** Where it takes SOCKS. */
  readonly socks: TorAddress;
  readonly control: ControlChoice;
  /** Where its `auto` looks, in this order. @default USUAL_CONTROL_ADDRESSES */
  readonly usualControlAddresses?: readonly TorAddress[];
}

/** The addresses to try, in this order. */
export function controlAddresses({ socks, control, usualControlAddresses }: ControlPlaces): readonly TorAddress[] {
  if (control.kind === 'none') return [];
  if (control.kind !== 'auto') return [control];
  return isOnThisMachine(socks) ? (usualControlAddresses ?? USUAL_CONTROL_ADDRESSES) : [];
}

/** Whether the tor that listens there for SOCKS can be one with a control port of this machine. */
export function isOnThisMachine(socks: TorAddress): boolean {
  return socks.kind === 'unix' || isLoopback(socks.host);
}

/**
 * Asks a tor whether it is the one that listens at `socks`: a system's tor and Tor Browser may run side by side.
 *
 * @throws Dns4torError ERR_TOR_CONTROL it is another one, or does not tell
 */
export async function requireSocksAddress(control: ControlConnection, socks: TorAddress): Promise<void> {
  const [line = ''] = await control.command('GETINFO net/listeners/socks');
  if (quotedStrings(line).some((listener) => isListenerAt(listener, socks))) return;
  throw new Dns4torError('ERR_TOR_CONTROL', `this tor does not listen at ${formatTorAddress(socks)}`);
}

function isListenerAt(listener: string, socks: TorAddress): boolean {
  if (socks.kind === 'unix') return listener === formatTorAddress(socks);
  // `0.0.0.0` and `[::]` stand for every address, and `localhost` is one that tor has looked up.
  const [, host = '', port = ''] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(listener) ?? [];
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const isSame = host === socks.host || (socks.host === 'localhost' && isLoopback(host));
  return Number(port) === socks.port && (isEverywhere || isSame);
}
