import { formatHostPort } from '../../lib/host-port.ts';
import type { PortHolder } from '../../system/sockets/port-holders.ts';
import type { Facts } from '../facts.ts';
import { fail, ok, skip, type Verdict, warn } from '../check-verdict.ts';

/** Stand for every address of the machine. */
const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Who else has the port. */
export async function checkPort({
  config: { port },
  addresses,
  local,
  portHolders,
  isOwnSocketOpen,
}: Pick<Facts, 'config' | 'addresses' | 'local' | 'portHolders' | 'isOwnSocketOpen'>): Promise<Verdict> {
  if (port === 0) return skip('the port is chosen at start (--port 0)');
  const holders = await portHolders();
  if (holders === undefined) return skip('the system does not say who has a port');
  const answered = await local();
  const isSystemds = await isOwnSocketOpen();
  // One that does not answer is still dns4tor's, and `listening` says what to do about it.
  const isOurs = (holder: PortHolder): boolean =>
    answered.some(({ address, transport, who }) => isAt(holder, address, transport) && who === 'dns4tor') ||
    holder.programs.includes('dns4tor') ||
    (isSystemds && addresses.includes(holder.address) && maySystemdBe(holder));
  const isRunning = answered.some(({ who }) => who === 'dns4tor');
  const others = holders.filter((holder) => !isOurs(holder));
  const taken = others.filter(({ address }) => addresses.includes(address));
  if (taken.length > 0) {
    return fail(
      `${describe(taken, port)} ${verb(taken)} what dns4tor is to have`,
      'Stop that program, or choose another --port or --address; if it is dns4tor, do what is said at listening.',
    );
  }
  const wild = others.filter(({ address }) => WILDCARDS.has(address));
  if (wild.length > 0) {
    const line = `${describe(wild, port)} ${verb(wild)} all addresses`;
    const advice = 'Bind that program to the addresses that it needs, or stop it.';
    return isRunning ? warn(line, advice) : fail(line, advice);
  }
  return ok(others.length === 0 ? `nobody else has port ${port}` : `${describe(others, port)}, not in the way`);
}

function isAt(holder: PortHolder, address: string, transport: PortHolder['transport']): boolean {
  return holder.address === address && holder.transport === transport;
}

/** The process that systemd is, whose name only root is told. */
function maySystemdBe({ programs, uid }: PortHolder): boolean {
  return programs.includes('systemd') || (programs.length === 0 && uid === 0);
}

function verb(holders: readonly PortHolder[]): string {
  return names(holders).length > 1 ? 'have' : 'has';
}

function names(holders: readonly PortHolder[]): readonly string[] {
  return [...new Set(holders.map(({ programs, uid }) => programs.join('/') || `a program of user ${uid}`))];
}

/** Each program once, with its addresses. */
function describe(holders: readonly PortHolder[], port: number): string {
  return names(holders)
    .map((name) => {
      const addresses = holders
        .filter((holder) => names([holder]).includes(name))
        .map(({ address }) => formatHostPort(address, port));
      return `${name} (${[...new Set(addresses)].join(', ')})`;
    })
    .join(', ');
}
