import { Dns4torError } from '../../failures/errors.ts';
import type { FileSystem } from '../transaction/file-system.ts';
import { findPortHolders, namesOf, WILDCARDS } from './port-holders.ts';

/**
 * Adds to the error of a port in use the programs that hold it, as far as the system shows them. Returns any other
 * error unchanged.
 *
 * @param thrown what binding threw
 * @param addresses the IP addresses that were to be bound
 * @param port the port that was to be bound
 */
export async function withPortHolders(
  thrown: unknown,
  fs: FileSystem,
  addresses: readonly string[],
  port: number,
): Promise<unknown> {
  if (!(thrown instanceof Dns4torError) || thrown.code !== 'ERR_LISTEN_IN_USE') return thrown;
  const holders = (await findPortHolders(fs, port).catch(() => undefined)) ?? [];
  const rivals = holders.filter(({ address }) => addresses.includes(address) || WILDCARDS.has(address));
  if (rivals.length === 0) return thrown;
  return new Dns4torError(thrown.code, `${thrown.detail}, held by ${namesOf(rivals).join(' and ')}`, thrown.cause);
}
