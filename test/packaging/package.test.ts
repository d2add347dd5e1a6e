import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { buildDeb } from '../../packaging/deb/build.ts';
import { readJson } from '../../packaging/deb/checkout.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const RELEASE = {
  version: '1.2.3',
  sourceDateEpoch: 1_700_000_000,
  maintainer: 'the dns4tor authors <dns4tor@localhost>',
};

/** It reads all of Node: about twenty seconds on an idle machine. */
const LINTIAN_TIMEOUT_MS = 200_000;

const resources = new AsyncDisposableStack();
let folder: string;
let path: string;

before(async () => {
  folder = resources.use(await createTemporaryDirectory()).path;
  path = await buildDeb({ release: RELEASE, folder, compression: 'fast' });
});

after(() => resources.disposeAsync());

test('lintian reports only tags that are overridden', async () => {
  // Its exit status would not name the tags.
  const args = ['--fail-on', 'none', '--tag-display-limit', '0', path];
  assert.equal(await runProgram('lintian', args, { timeoutMs: LINTIAN_TIMEOUT_MS }), '');
});

test('a second build, later and with another umask, produces the same bytes', async () => {
  const umask = process.umask(0o077);
  const again = { release: RELEASE, folder: join(folder, 'again'), compression: 'fast' } as const;
  const second = await buildDeb(again).finally(() => process.umask(umask));
  assert.ok((await readFile(path)).equals(await readFile(second)));
});

test('the package contains only what runs: no sources, types, maps or tests', async () => {
  const listing = await runProgram('dpkg-deb', ['--contents', path]);
  const files = listing.split('\n').filter((line) => line.startsWith('-'));
  assert.ok(files.length > 20);
  assert.deepEqual(
    files.filter((line) => /\.(?:ts|map|cc|h)$|\/tests?\//.test(line)),
    [],
  );
  const programs = files.filter((line) => line.startsWith('-rwx')).map((line) => line.split(/\s+/)[5]);
  assert.deepEqual(programs, ['./usr/bin/dns4tor', './usr/lib/dns4tor/node']);
});

test('the package has the status page and its plot library', async () => {
  const listing = await runProgram('dpkg-deb', ['--contents', path]);
  const page = ['dist/page/index.html', 'dist/page/main.js', 'dist/page/style.css', 'dist/page/icon.svg'];
  const library = ['dist/page/uplot.js', 'dist/page/uplot.css'];
  for (const file of [...page, ...library]) assert.ok(listing.includes(` ./usr/lib/dns4tor/${file}\n`), file);
});

test('the program is one file besides koffi, and the copyright file names every bundled npm package', async () => {
  const listing = await runProgram('dpkg-deb', ['--contents', path]);
  const beside = [...listing.matchAll(/\/dns4tor\/node_modules\/(?<name>(?:@[^/\s]+\/)?[^@/\s]+)\//g)];
  const names = new Set(beside.map(({ groups }) => groups?.['name'] ?? ''));
  assert.deepEqual(
    [...names].filter((name) => name !== 'koffi' && !name.startsWith('@koromix/koffi-linux-')),
    [],
  );
  assert.ok(names.has('koffi'));
  const tree = join(folder, 'one-file');
  await runProgram('dpkg-deb', ['--extract', path, tree]);
  const copyright = await readFile(join(tree, 'usr/share/doc/dns4tor/copyright'), 'utf8');
  const { packages } = await readJson<{ packages: Record<string, { dev?: boolean; optional?: boolean }> }>(
    'package-lock.json',
  );
  const running = Object.entries(packages).filter(([name, { dev, optional }]) => name && !dev && !optional);
  const expected = [...running.map(([name]) => name), 'node_modules/uplot', 'node_modules/koffi'];
  assert.deepEqual(
    expected.filter((name) => !copyright.includes(`Files: ${name}/*\n`)),
    [],
  );
});

test('the package has the docs, the Prometheus and Grafana files, and the schema that its configuration names', async () => {
  const listing = await runProgram('dpkg-deb', ['--contents', path]);
  const examples = ['grafana/dns4tor.json', 'prometheus/prometheus.yml', 'prometheus/dns4tor.rules.yml'];
  const pages = ['metrics.md.gz', 'errors.md.gz', 'environment.md.gz', 'SECURITY.md.gz'];
  for (const file of [...pages, ...examples.map((example) => `examples/${example}`)]) {
    assert.ok(listing.includes(` ./usr/share/doc/dns4tor/${file}\n`), file);
  }
  const tree = join(folder, 'docs');
  await runProgram('dpkg-deb', ['--extract', path, tree]);
  const configuration = await readFile(join(tree, 'etc/dns4tor.toml'), 'utf8');
  const schema = /^#:schema file:\/\/\/(?<path>\S+)$/m.exec(configuration)?.groups?.['path'] ?? '';
  assert.ok(listing.includes(` ./${schema}\n`), schema);
});

test('the units start the packaged program, whatever else is in PATH', async () => {
  const tree = join(folder, 'tree');
  await runProgram('dpkg-deb', ['--extract', path, tree]);
  for (const unit of ['dns4tor.service', 'dns4tor-standalone.service']) {
    const text = await readFile(join(tree, 'usr/lib/systemd/system', unit), 'utf8');
    assert.match(text, /^ExecStart=\/usr\/bin\/dns4tor proxy-dns /m);
  }
});
