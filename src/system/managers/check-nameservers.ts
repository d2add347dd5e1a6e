import { Dns4torError } from '../../failures/errors.ts';
import type { Machine } from '../machine.ts';
import { areLocal, readNameservers } from './resolv-conf.ts';

/** Looks whether programs that go by resolv.conf are answered by this machine. @throws {Dns4torError} ERR_SYSTEM_CHECK */
export async function checkNameservers({ fs, checks }: Machine): Promise<void> {
  const nameservers = await readNameservers(fs);
  const [first] = nameservers;
  if (first === undefined || !areLocal(nameservers)) {
    throw new Dns4torError('ERR_SYSTEM_CHECK', `resolv.conf names ${nameservers.join(', ') || 'no server'}`);
  }
  await checks.nameserver(first);
}
