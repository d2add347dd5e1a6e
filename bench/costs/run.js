// `npm run bench`, `bench:miss`, `bench:tcp`, `bench:neighbours` and `bench:footprint`: installs the dependencies,
// builds, and runs the script named by the first argument.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../scripts/prepare.js';

const [name, ...args] = process.argv.slice(2);

await runScript(() => {
  installPackages();
  installPrograms(testPrograms());
  build();
  return runNode([`bench/costs/${name}/${name}.ts`, ...args]);
});
