import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadSettings } from '../../src/config/load.ts';
import { validate } from '../../src/config/validate.ts';
import { made } from '../certificate/made.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { withoutPlaceholders } from './dns4tor-command.ts';
import { PAGES, ROOT } from './pages.ts';

/** Hosts files and lists of the examples. */
const NAME_FILES = ['hosts', 'ads.txt', 'trackers.txt', 'allow.txt'];

let directory: TemporaryDirectory;
before(async () => {
  directory = await createTemporaryDirectory();
  await writeFile(join(directory.path, 'webtunnel-client'), '#!/bin/sh\n', { mode: 0o700 });
  await writeFile(join(directory.path, 'bridges'), '192.0.2.10:443\n', { mode: 0o600 });
  await mkdir(join(directory.path, 'tls'));
  for (const { name, text = '', mode } of made(['localhost']).changes) {
    await writeFile(join(directory.path, 'tls', name), text, { mode });
  }
  for (const name of NAME_FILES) await writeFile(join(directory.path, name), '');
});
after(() => directory[Symbol.asyncDispose]());

for (const { path, blocks } of PAGES) {
  const files = blocks.filter(({ language }) => language === 'toml');
  if (files.length === 0) continue;
  test(`dns4tor takes every configuration file of ${path}`, async () => {
    for (const { text, place } of files) {
      const file = join(directory.path, 'dns4tor.toml');
      // `isolate` and the like stand alone: what they need besides is the default.
      const own = withoutPlaceholders(text)
        .replaceAll(/\/etc\/dns4tor\/([\w.]+)/g, join(directory.path, '$1'))
        .replaceAll('/usr/local/bin/webtunnel-client', join(directory.path, 'webtunnel-client'));
      await writeFile(file, own, { mode: 0o600 });
      const load = (): unknown => validate(loadSettings({ flags: { config: [file] }, env: {} }));
      assert.doesNotThrow(load, place);
    }
  });
}

test('every drop-in of the docs changes keys that a unit or a drop-in of dns4tor has', () => {
  const units = globSync('systemd/{*.socket,*.service,drop-ins/*.conf}', { cwd: ROOT }).map((unit) =>
    readFileSync(join(ROOT, unit), 'utf8'),
  );
  const known = new Set(units.flatMap((unit) => unit.split('\n').map((line) => line.split('=')[0])));
  for (const { text, place } of PAGES.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'ini'))) {
    const [section = '', ...lines] = text.split('\n');
    assert.ok(known.has(section), `${place}: ${section}`);
    for (const line of lines) {
      const [key = ''] = line.split('=');
      assert.ok(known.has(key) || ['SocketGroup', 'SocketMode'].includes(key), `${place}: ${line}`);
    }
  }
});
