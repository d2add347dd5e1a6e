import { formatHostPort } from '../../lib/host-port.ts';
import { namesOf, type PortHolder, WILDCARDS } from '../../system/sockets/port-holders.ts';
import { fail, ok, skip, type Verdict, warn } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';

/** Checks that no other program uses dns4tor's port at its addresses. */
export async function checkPort({
  config: { port },
  addresses,
  local,
  portHolders,
  isOwnSocketOpen,
}: Pick<Facts, 'config' | 'addresses' | 'local' | 'portHolders' | 'isOwnSocketOpen'>): Promise<Verdict> {
  if (port === 0) return skip('the port is chosen at start (--port 0)');
  const holders = await portHolders();
  if (holders === undefined) return skip('the system does not tell which programs use the port');
  const answered = await local();
  const hasOwnSocket = await isOwnSocketOpen();
  // A dns4tor that does not answer is still ours. The advice for it is that of `listening`.
  const isOurs = (holder: PortHolder): boolean =>
    answered.some(({ address, transport, who }) => isAt(holder, address, transport) && who === 'dns4tor') ||
    holder.programs.includes('dns4tor') ||
    (hasOwnSocket && addresses.includes(holder.address) && maySystemdBe(holder));
  const isRunning = answered.some(({ who }) => who === 'dns4tor');
  const others = holders.filter((holder) => !isOurs(holder));
  const taken = others.filter(({ address }) => addresses.includes(address));
  if (taken.length > 0) {
    return fail(
      `${describe(taken, port)} ${isPlural(taken) ? 'use addresses' : 'uses an address'} of dns4tor`,
      'Stop that program, or choose another --port or --address. If it is dns4tor, follow the advice of `listening`.',
    );
  }
  const wild = others.filter(({ address }) => WILDCARDS.has(address));
  if (wild.length > 0) {
    const line = `${describe(wild, port)} ${isPlural(wild) ? 'use' : 'uses'} all addresses`;
    const advice = 'Bind that program to only the addresses that it needs, or stop it.';
    return isRunning ? warn(line, advice) : fail(line, advice);
  }
  return ok(others.length === 0 ? `no other program uses port ${port}` : `no conflict with ${describe(others, port)}`);
}

function isAt(holder: PortHolder, address: string, transport: PortHolder['transport']): boolean {
  return holder.address === address && holder.transport === transport;
}

/** Whether the holder may be systemd, whose name only root can see. */
function maySystemdBe({ programs, uid }: PortHolder): boolean {
  return programs.includes('systemd') || (programs.length === 0 && uid === 0);
}

function isPlural(holders: readonly PortHolder[]): boolean {
  return namesOf(holders).length > 1;
}

/** Lists each program once, with its addresses. */
function describe(holders: readonly PortHolder[], port: number): string {
  return namesOf(holders)
    .map((name) => {
      const addresses = holders
        .filter((holder) => namesOf([holder]).includes(name))
        .map(({ address }) => formatHostPort(address, port));
      return `${name} (${[...new Set(addresses)].join(', ')})`;
    })
    .join(', ');
}
