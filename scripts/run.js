// Runs a TypeScript program of this checkout, such as a benchmark: `node scripts/run.js FILE [ARGUMENT …]`. First
// checks that its port is free, if the arguments have `--address` and `--port`. Then installs the npm packages and the
// Debian packages that it needs, and builds dist.
import { requireFreePort } from './free-port.js';
import { build, installPackages, installProgramsOf, runNode, runScript } from './prepare.js';

const [file, ...args] = process.argv.slice(2);

await runScript(async () => {
  await requireFreePort(args);
  installPackages();
  installProgramsOf(file);
  build();
  return runNode([file, ...args]);
});
