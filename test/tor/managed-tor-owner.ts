// A program that owns a managed tor in the directory given to it, until it is killed.
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { ManagedTor } from '../../src/tor/managed-tor.ts';
import { findProgram } from '../fixtures/find-program.ts';
import { OFFLINE_OPTIONS } from './offline-tor.ts';

const [, , directory = ''] = process.argv;
await ManagedTor.start({
  binary: await findProgram('tor'),
  directory,
  torOptions: OFFLINE_OPTIONS,
  clock: systemClock,
  random: systemRandom,
  events: { onBootstrap: () => {}, onLog: () => {}, onExit: () => {} },
});
process.stdout.write('tor runs\n');
