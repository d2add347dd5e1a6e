import { createFacts, type Facts } from '../../src/check/facts.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createRig, MANAGERS, type Rig } from '../system/rig.ts';
import { configOf } from './config-of.ts';

/**
 * Facts of a machine whose files are in a folder. dns4tor is configured for 127.0.0.1 and, unless the flags change it,
 * port 53.
 */
export function factsOf({ clock, machine: { fs, run } }: Rig, ...flags: readonly string[]): Facts {
  return createFacts(
    { clock, random: systemRandom, fs, run, env: {}, networkInterfaces: () => ({}) },
    configOf('--address', '127.0.0.1', ...flags),
  );
}

/**
 * A machine with systemd-resolved, which resolv.conf names. resolvectl prints the given outputs, and nothing for other
 * verbs.
 */
export async function createResolvedRig(
  outputs: Readonly<Partial<Record<'dns' | 'domain' | 'llmnr' | 'mdns', string>>>,
): Promise<Rig> {
  const rig = await createRig();
  await MANAGERS['systemd-resolved'](rig);
  for (const [verb, stdout] of Object.entries(outputs)) rig.answers.set(`resolvectl --no-pager ${verb}`, { stdout });
  return rig;
}

/** resolvectl's outputs after `dns4tor install`. */
export const INSTALLED = {
  dns: 'Global: 127.0.0.1\nLink 2 (eth0):\n',
  domain: 'Global: ~.\nLink 2 (eth0):\n',
} as const;

/** resolvectl's outputs before it, with servers from the network. */
export const FROM_THE_NETWORK = { dns: 'Global:\nLink 2 (eth0): 192.168.1.1\n', domain: 'Global:\n' } as const;

/** Makes every resolvectl command fail. */
export function silence(rig: Rig): void {
  for (const verb of ['dns', 'domain', 'llmnr', 'mdns'])
    rig.answers.set(`resolvectl --no-pager ${verb}`, { status: 1, stdout: '' });
}
