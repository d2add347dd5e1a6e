// `npm test`: installs what the tests need, builds, and runs them. Arguments are test files, or options of Node's test
// runner such as `--test-name-pattern=…`.
import { build, installPackages, runNode, runScript } from '../scripts/prepare.js';

await runScript(() => {
  installPackages();
  build();
  return runNode(['test/runner/main.ts', ...process.argv.slice(2)]);
});
