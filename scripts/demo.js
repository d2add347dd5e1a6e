// `npm run demo`: dns4tor on a Tor network of its own, with a resolver behind an onion address, all on this machine.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from './prepare.js';

await runScript(() => {
  installPackages();
  installPrograms(testPrograms());
  build();
  return runNode(['scripts/demo-network.ts', ...process.argv.slice(2)]);
});
