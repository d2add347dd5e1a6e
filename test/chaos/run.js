// `npm run chaos`: what clients get while the parts of a private Tor network are killed and stopped, all on this machine.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../scripts/prepare.js';

await runScript(() => {
  installPackages();
  installPrograms(testPrograms());
  build();
  return runNode(['test/chaos/chaos.ts', ...process.argv.slice(2)]);
});
