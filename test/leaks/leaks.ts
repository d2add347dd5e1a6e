// The proofs of what README promises about privacy, those that other folders hold too.
import { spawnSync } from 'node:child_process';
import { PROMISES } from './promises.ts';

const files = new Set(PROMISES.flatMap(({ proofs }) => proofs.map(({ file }) => file)));
files.add('test/leaks/promises.test.ts');
// One at a time: they start Tor networks and servers, which would slow each other down past their deadlines.
const options = ['--test', '--test-reporter=spec', '--test-concurrency=1', ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, [...options, ...[...files].toSorted()], { stdio: 'inherit' });
process.exitCode = status ?? 1;
