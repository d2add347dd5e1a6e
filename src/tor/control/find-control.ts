import { Dns4torError } from '../../failures/errors.ts';
import { isLoopback } from '../../lib/ip-address.ts';
import { formatTorAddress, type TorAddress } from '../../model/tor-address.ts';
import type { ControlConnection } from './control-connection.ts';
import { quotedStrings } from './control-reply.ts';

/** Usual control ports: the unix socket of Debian's package, Tor's default port, Tor Browser's port. */
const USUAL_CONTROL_ADDRESSES: readonly TorAddress[] = [
  { kind: 'unix', path: '/run/tor/control' },
  { kind: 'tcp', host: '127.0.0.1', port: 9051 },
  { kind: 'tcp', host: '127.0.0.1', port: 9151 },
];

/** Control port of an external Tor, as `--tor-control` selects it. */
export type ControlChoice = TorAddress | { readonly kind: 'auto' } | { readonly kind: 'none' };

/** Where to look for the control port of an external Tor. */
export interface ControlSearch {
  /** SOCKS address of that Tor. */
  readonly socks: TorAddress;
  readonly control: ControlChoice;
  /** Addresses that `auto` tries, in this order. @default USUAL_CONTROL_ADDRESSES */
  readonly usualControlAddresses?: readonly TorAddress[];
}

/** Lists the control addresses to try, in order. */
export function controlAddresses({ socks, control, usualControlAddresses }: ControlSearch): readonly TorAddress[] {
  if (control.kind === 'none') return [];
  if (control.kind !== 'auto') return [control];
  return isOnThisMachine(socks) ? (usualControlAddresses ?? USUAL_CONTROL_ADDRESSES) : [];
}

/** Whether a SOCKS address is on this machine, so that its Tor can have a control port here. */
export function isOnThisMachine(socks: TorAddress): boolean {
  return socks.kind === 'unix' || isLoopback(socks.host);
}

/**
 * Verifies that the Tor behind a control connection is the one that listens at `socks`. A system Tor and Tor Browser
 * may run side by side.
 *
 * @throws Dns4torError ERR_TOR_CONTROL it is another Tor, or it does not tell
 */
export async function requireSocksAddress(control: ControlConnection, socks: TorAddress): Promise<void> {
  const [line = ''] = await control.command('GETINFO net/listeners/socks');
  if (quotedStrings(line).some((listener) => isListenerAt(listener, socks))) return;
  throw new Dns4torError('ERR_TOR_CONTROL', `this Tor does not listen at ${formatTorAddress(socks)}`);
}

function isListenerAt(listener: string, socks: TorAddress): boolean {
  if (socks.kind === 'unix') return listener === formatTorAddress(socks);
  // `0.0.0.0` and `[::]` stand for all addresses. Tor lists the address that it resolved `localhost` to.
  const [, host = '', port = ''] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(listener) ?? [];
  const isWildcard = host === '0.0.0.0' || host === '::';
  const isSame = host === socks.host || (socks.host === 'localhost' && isLoopback(host));
  return Number(port) === socks.port && (isWildcard || isSame);
}
