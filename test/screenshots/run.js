// `npm run screenshots`: takes the picture of the status page that README shows; with `-- FOLDER` more of them, to that folder.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../bin/prepare.js';

await runScript(() => {
  installPackages();
  const { chromium, setpriv } = testPrograms();
  installPrograms({ chromium, setpriv });
  build();
  return runNode(['test/screenshots/take.ts', ...process.argv.slice(2)]);
});
