// Runs a managed Tor in the given directory until it is killed.
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { ManagedTor } from '../../../src/tor/process/managed-tor.ts';
import { NO_TOR_EVENTS } from '../../../src/tor/tor-events.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { OFFLINE_OPTIONS } from '../offline-tor.ts';
import { ONLINE } from '../surroundings.ts';

const [, , directory = ''] = process.argv;
await ManagedTor.start({
  binary: await findProgram('tor'),
  directory,
  bridges: [],
  transports: [],
  torOptions: OFFLINE_OPTIONS,
  clock: systemClock,
  random: systemRandom,
  onionAuths: [],
  events: NO_TOR_EVENTS,
  surroundings: ONLINE,
});
process.stdout.write('tor runs\n');
