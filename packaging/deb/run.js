// `npm run package:deb`: builds the Debian package, installing first what that takes. Arguments go to package-deb.ts.
import { build, installPackages, installPrograms, runNode, runScript } from '../../scripts/prepare.js';

const PROGRAMS = { 'dpkg-deb': 'dpkg', 'dpkg-shlibdeps': 'dpkg-dev', strip: 'binutils' };

await runScript(() => {
  installPackages();
  installPrograms(PROGRAMS);
  build();
  return runNode(['packaging/deb/package-deb.ts', ...process.argv.slice(2)]);
});
