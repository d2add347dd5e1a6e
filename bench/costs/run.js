// `npm run bench`, `bench:miss`, `bench:tcp`, `bench:neighbours` and `bench:footprint`: installs what
// is missing, builds, and runs the script that the first argument names.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../scripts/prepare.js';

const [name, ...args] = process.argv.slice(2);

await runScript(() => {
  installPackages();
  installPrograms(testPrograms());
  build();
  return runNode([`bench/costs/${name}/${name}.ts`, ...args]);
});
