import { createFacts, type Facts } from '../../src/check/facts.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createRig, MANAGERS, type Rig } from '../system/rig.ts';
import { configOf } from './config-of.ts';

/** What is to be checked on a machine with its files in a folder. dns4tor is to answer on 127.0.0.1, port 53 unless flags say another. */
export function factsOf({ clock, machine: { fs, run } }: Rig, ...flags: readonly string[]): Facts {
  return createFacts({ clock, random: systemRandom, fs, run, env: {} }, configOf('--address', '127.0.0.1', ...flags));
}

/** A machine where systemd-resolved runs, and resolv.conf leads to it. What is not given it says nothing of. */
export async function createResolvedRig(
  says: Readonly<Partial<Record<'dns' | 'domain' | 'llmnr' | 'mdns', string>>>,
): Promise<Rig> {
  const rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  for (const [verb, stdout] of Object.entries(says)) rig.answers.set(`resolvectl --no-pager ${verb}`, { stdout });
  return rig;
}

/** As after `dns4tor install`. */
export const INSTALLED = {
  dns: 'Global: 127.0.0.1\nLink 2 (eth0):\n',
  domain: 'Global: ~.\nLink 2 (eth0):\n',
} as const;

/** As before it. */
export const FROM_THE_NETWORK = { dns: 'Global:\nLink 2 (eth0): 192.168.1.1\n', domain: 'Global:\n' } as const;

/** Each answer of resolvectl's fails. */
export function silence(rig: Rig): void {
  for (const verb of ['dns', 'domain', 'llmnr', 'mdns'])
    rig.answers.set(`resolvectl --no-pager ${verb}`, { status: 1, stdout: '' });
}
