// Runs a managed Tor in the given directory until it is killed.
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { ManagedTor } from '../../../src/tor/process/managed-tor.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { OFFLINE_OPTIONS } from '../offline-tor.ts';
import { ONLINE, SILENT_EVENTS } from '../silent-events.ts';

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
  events: SILENT_EVENTS,
  surroundings: ONLINE,
});
process.stdout.write('tor runs\n');
