import { after, before } from 'node:test';
import { bridgesSuite } from './bridges.ts';
import { type CensoredLaboratory, startCensoredLaboratory } from './censored-laboratory.ts';
import { stuckSuite } from './stuck.ts';

/* All suites share one laboratory, because a Tor network takes about fifteen seconds to start. */

let laboratory: CensoredLaboratory;
before(async () => {
  laboratory = await startCensoredLaboratory();
});
after(() => laboratory[Symbol.asyncDispose]());

bridgesSuite(() => laboratory);
stuckSuite(() => laboratory);
