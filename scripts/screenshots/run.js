// `npm run screenshots`: takes the pictures that README shows; with `-- FOLDER` these and others to that folder: of the page whole, dark and on
// a phone, and of `dns4tor status` in an outage.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../prepare.js';

await runScript(() => {
  installPackages();
  const { chromium, setpriv } = testPrograms();
  installPrograms({ chromium, setpriv });
  build();
  return runNode(['scripts/screenshots/take.ts', ...process.argv.slice(2)]);
});
