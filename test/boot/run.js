// `npm run test:boot`: the Debian package on a Debian that boots, in a virtual machine.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../scripts/prepare.js';

await runScript(() => {
  installPackages();
  installPrograms(testPrograms());
  build();
  return runNode(['--test', '--test-reporter=spec', ...process.argv.slice(2), 'test/boot/boot.ts']);
});
