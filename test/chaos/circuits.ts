import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { openControl } from '../../src/tor/control/control-connection.ts';
import type { RestartableProcess } from '../fixtures/process/restartable-process.ts';
import type { TorNetwork, TorProcess } from '../fixtures/tor/tor-network.ts';
import { waitUntil } from '../fixtures/wait-until.ts';

/** Tor accepts NEWNYM once in ten seconds, and then has to build circuits. */
const REACHABLE_TIMEOUT_MS = 60_000;

/**
 * Of the relays that carry the client's connections, the one with the fewest circuits of the onion. In so small a
 * network, most circuits share each relay; without this one, the client needs other circuits and can build them.
 */
export async function relayOfClient(network: TorNetwork): Promise<RestartableProcess> {
  const carrying = (await circuitsOf(network.client, 'HS_STATE=HSCR_JOINED')).flat();
  const introductions = (await circuitsOf(network.onionService, 'PURPOSE=HS_SERVICE_INTRO')).flat();
  const uses = (relay: string): number => introductions.filter((other) => other === relay).length;
  const [spared] = [...new Set(carrying)].toSorted((a, b) => uses(a) - uses(b));
  return relayNamed(network, spared);
}

/**
 * The guard of the onion. Without it, all circuits of the onion end, and all introductions fail, which tor remembers.
 */
export async function guardOfOnion(network: TorNetwork): Promise<RestartableProcess> {
  const [circuit] = await circuitsOf(network.onionService, 'PURPOSE=HS_SERVICE_INTRO');
  return relayNamed(network, circuit?.[0]);
}

/**
 * Makes the client's tor forget failed introductions. Resolves when it reaches the onion. Otherwise tor would refuse to
 * retry for two minutes after the onion's circuits have ended.
 */
export async function forgetFailures(network: TorNetwork): Promise<void> {
  await command(network.client, 'SIGNAL NEWNYM');
  await waitUntil('the onion is reachable', REACHABLE_TIMEOUT_MS, () => network.reachesOnion());
}

/** The nicknames of the relays in each circuit whose status line contains `kind`. */
async function circuitsOf(tor: TorProcess, kind: string): Promise<string[][]> {
  const lines = (await command(tor, 'GETINFO circuit-status')).join('\n').split('\n');
  const paths = lines.filter((line) => line.includes(kind)).map((line) => line.split(' ')[2] ?? '');
  return paths.map((path) => [...path.matchAll(/~(\w+)/g)].map(([, nickname = '']) => nickname));
}

async function command({ controlPath }: TorProcess, text: string): Promise<readonly string[]> {
  using control = await openControl({
    address: { kind: 'unix', path: controlPath },
    clock: systemClock,
    random: systemRandom,
    onEvent: () => {},
  });
  return await control.command(text);
}

function relayNamed({ relays }: TorNetwork, nickname: string | undefined): RestartableProcess {
  const relay = relays[Number(nickname?.replace('relay', ''))];
  if (relay === undefined) throw new Error('tor has no circuit to the onion');
  return relay;
}
