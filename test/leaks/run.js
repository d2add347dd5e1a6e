// `npm run test:leaks`: proves the promises of docs/guarantees.md. With `--mutations`, proves that the proofs would fail.
import { build, installPackages, installPrograms, runNode, runScript, testPrograms } from '../../scripts/prepare.js';

await runScript(() => {
  installPackages();
  installPrograms(testPrograms());
  build();
  return runNode(['test/leaks/leaks.ts', ...process.argv.slice(2)]);
});
