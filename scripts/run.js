// Runs a TypeScript program of this checkout, such as a benchmark: `node scripts/run.js FILE [ARGUMENT …]`. First
// installs the npm packages and the Debian packages that it needs, and builds dist.
import { build, installPackages, installProgramsOf, runNode, runScript } from './prepare.js';

const [file, ...args] = process.argv.slice(2);

await runScript(() => {
  installPackages();
  installProgramsOf(file);
  build();
  return runNode([file, ...args]);
});
