// `npm run screenshots`: takes the picture of the status page that README shows; with `-- FOLDER` that one and others to that folder: of the page
// whole, dark, in an outage and on a phone, and of `dns4tor status` in a terminal.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../bin/prepare.js';

await runScript(() => {
  installPackages();
  const { chromium, setpriv } = testPrograms();
  installPrograms({ chromium, setpriv });
  build();
  return runNode(['test/screenshots/take.ts', ...process.argv.slice(2)]);
});
