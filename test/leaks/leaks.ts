// `npm run test:leaks`: runs the tests that prove the promises of docs/guarantees.md. With `--mutations`, breaks each
// promise in a copy of the sources and shows which test catches it.
import { spawnSync } from 'node:child_process';
import { installProgramsOf } from '../../scripts/prepare.js';
import { PROMISES } from './promises.ts';
import { runMutations } from './run-mutations.ts';

const args = process.argv.slice(2);
const proofs = PROMISES.flatMap((promised) => promised.proofs.map(({ file }) => file));
process.exitCode = (args.includes('--mutations') ? await runAllMutations() : runProofs()) ? 0 : 1;

async function runAllMutations(): Promise<boolean> {
  installProgramsOf(...proofs);
  return runMutations(
    args.filter((argument) => argument.startsWith('G')),
    (line) => process.stdout.write(`${line}\n`),
  );
}

function runProofs(): boolean {
  const files = new Set([...proofs, 'test/leaks/mutations.test.ts', 'test/leaks/promises.test.ts']);
  const command = ['test/runner/main.ts', ...args, ...[...files].toSorted()];
  return spawnSync(process.execPath, command, { stdio: 'inherit' }).status === 0;
}
