import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createPageFiles, type ReadPageFile } from '../../src/http/page-files.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

interface Fixture extends AsyncDisposable {
  readonly read: ReadPageFile;
}

/** Creates a folder with a page, and files beside and above it that must not be served. */
async function create(): Promise<Fixture> {
  const directory = await createTemporaryDirectory();
  const folder = join(directory.path, 'page');
  await mkdir(join(folder, 'sub'), { recursive: true });
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
  await writeFile(join(folder, 'main.js'), 'main');
  await writeFile(join(folder, 'secret.json'), 'secret');
  await writeFile(join(folder, '.hidden.js'), 'secret');
  await writeFile(join(folder, 'sub', 'main.js'), 'secret');
  await writeFile(join(directory.path, 'above.js'), 'secret');
  return {
    read: createPageFiles(pathToFileURL(`${folder}/`)),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test('the page is at the root and its files are under /page/, each with its content type', async () => {
  await using fixture = await create();
  const { read } = fixture;
  const page = await read('/');
  assert.equal(page?.contentType, 'text/html; charset=utf-8');
  assert.equal(Buffer.from(page?.body ?? []).toString(), '<!doctype html>');
  assert.equal((await read('/page/main.js'))?.contentType, 'text/javascript; charset=utf-8');
});

test('no other path leads to a file', async () => {
  await using fixture = await create();
  const { read } = fixture;
  const paths = [
    '/index.html',
    '/page/',
    '/page/missing.js',
    '/page/secret.json',
    '/page/.hidden.js',
    '/page/sub/main.js',
    '/page/../above.js',
    '/page/..%2fabove.js',
    '/page/%2e%2e/above.js',
    '/page/main.js/',
    '/page/main.js\u0000.css',
    'page/main.js',
    '',
  ];
  for (const path of paths) assert.equal(await read(path), undefined, path);
});
