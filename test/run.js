// `npm test`: installs what the tests need, builds, and runs them. Arguments are test files, or options of `node --test`.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, installPackages, installPrograms, ROOT, runNode, runScript, testPrograms } from '../scripts/prepare.js';

/** These start Tor networks and servers, which would slow each other down past their deadlines if run side by side. */
const ONE_AT_A_TIME = [
  join('test', 'chaos'),
  join('test', 'e2e'),
  join('test', 'fixtures'),
  join('test', 'leaks'),
  join('test', 'packaging'),
  join('test', 'page'),
  join('test', 'protocol'),
];

/** Installs the Debian package in a chroot, which only root can make. */
const NEEDS_ROOT = join('test', 'packaging', 'installation.test.ts');

/** Longer than any test or suite takes on a slow machine; one that hangs is to fail, not to keep everybody waiting. */
const TEST_TIMEOUT_MS = 300_000;

await runScript(async () => {
  const args = process.argv.slice(2);
  const options = args.filter((argument) => argument.startsWith('-'));
  const named = args.filter((argument) => !argument.startsWith('-'));
  installPackages();
  installPrograms(testPrograms());
  build();

  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => (stopped = true));
  const startedAt = performance.now();
  const files = named.length > 0 ? named : allTests();
  const unit = await runTests(
    'Unit tests',
    files.filter((file) => !isEndToEnd(file)),
    options,
  );
  if (stopped) return unit.code || 1;
  const endToEnd = await runTests('End-to-end tests', files.filter(isEndToEnd), ['--test-concurrency=1', ...options]);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const leftOut = named.length > 0 || isRoot() ? '' : `  Not run, for it needs root: ${NEEDS_ROOT}`;
  process.stdout.write(`\n${[unit.line, endToEnd.line, leftOut].filter(Boolean).join('\n')}\nTook ${seconds} s.\n`);
  return unit.code || endToEnd.code;
});

function isRoot() {
  return process.getuid?.() === 0;
}

function isEndToEnd(file) {
  return ONE_AT_A_TIME.some((folder) => join(file).startsWith(folder));
}

async function runTests(name, files, options) {
  if (files.length === 0) return { code: 0, line: '' };
  const code = await runNode([
    '--test',
    '--test-reporter=spec',
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    ...options,
    ...files,
  ]);
  return { code, line: `${code === 0 ? '✔' : '✖'} ${name}: ${code === 0 ? 'all passed' : 'FAILED, see above'}` };
}

function allTests() {
  return ['bench', 'test']
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => file !== NEEDS_ROOT || isRoot())
    .toSorted((a, b) => (a < b ? -1 : 1));
}
