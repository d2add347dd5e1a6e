// The proofs of the promises of docs/guarantees.md, those that other folders hold too; or, with --mutations, the proof that these would fail.
import { spawnSync } from 'node:child_process';
import { PROMISES } from './promises.ts';
import { runMutations } from './run-mutations.ts';

const args = process.argv.slice(2);
const succeeded = args.includes('--mutations')
  ? await runMutations(
      args.filter((argument) => argument.startsWith('G')),
      (line) => process.stdout.write(`${line}\n`),
    )
  : runProofs();
process.exitCode = succeeded ? 0 : 1;

function runProofs(): boolean {
  const proofs = PROMISES.flatMap((promised) => promised.proofs.map(({ file }) => file));
  const files = new Set([...proofs, 'test/leaks/mutations.test.ts', 'test/leaks/promises.test.ts']);
  // One at a time: they start Tor networks and servers, which would slow each other down past their deadlines.
  const options = ['--test', '--test-reporter=spec', '--test-concurrency=1', ...args];
  return spawnSync(process.execPath, [...options, ...[...files].toSorted()], { stdio: 'inherit' }).status === 0;
}
