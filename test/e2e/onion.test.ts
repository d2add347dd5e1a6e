import { after, before } from 'node:test';
import { alternativeServicesSuite } from './alternative-services.ts';
import { answersSuite } from './answers.ts';
import { clientAuthSuite } from './client-auth.ts';
import { failuresSuite } from './failures.ts';
import { type Laboratory, startLaboratory } from './laboratory.ts';
import { managedTorSuite } from './managed-tor.ts';
import { otherWaysSuite } from './other-ways.ts';
import { querySuite } from './query.ts';
import { upstreamViewSuite } from './upstream-view.ts';

/* All suites share one laboratory, because a Tor network takes about fifteen seconds to start. */

let laboratory: Laboratory;
before(async () => {
  laboratory = await startLaboratory();
});
after(() => laboratory[Symbol.asyncDispose]());

answersSuite(() => laboratory);
failuresSuite(() => laboratory);
managedTorSuite(() => laboratory);
clientAuthSuite(() => laboratory);
otherWaysSuite(() => laboratory);
querySuite(() => laboratory);
upstreamViewSuite(() => laboratory);
// Last, because it changes the answers of the recording resolver.
alternativeServicesSuite(() => laboratory);
