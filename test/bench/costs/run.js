// `npm run bench`, `bench:miss`, `bench:tcp`, `bench:neighbours` and `bench:footprint`: installs what they need, builds, and runs the script that the first argument names.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../../bin/prepare.js';

const [name, ...args] = process.argv.slice(2);

await runScript(() => {
  installPackages();
  installPrograms(testPrograms());
  build();
  return runNode([`test/bench/costs/${name}.ts`, ...args]);
});
