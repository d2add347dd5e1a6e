import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { GENERATED, readText } from '../../scripts/docs/generated.ts';
import { anchorsOf, PAGES, pageAt, ROOT, targetPath } from './pages.ts';

const MAX_COLUMNS = 120;

test('the README has at most 200 lines and a command before line 30', () => {
  const { lines, blocks } = pageAt('README.md');
  // The last element is what stands behind the last line break.
  assert.ok(lines.length - 1 <= 200, `${lines.length - 1} lines`);
  const first = blocks.find(({ language }) => language === 'sh');
  assert.ok(Number(first?.place.split(':')[1]) < 30, first?.place);
});

test('the contents of the README link to each of its sections', () => {
  const readme = pageAt('README.md');
  const linked = readme.links.flatMap(({ target }) => (target.startsWith('#') ? [target.slice(1)] : []));
  const sections = [
    ...anchorsOf({ ...readme, headings: readme.headings.filter((heading) => heading.startsWith('## ')) }),
  ];
  assert.deepEqual(linked, sections.slice(1));
});

test('each page of docs has at most 250 lines, and the README links to it', () => {
  const readme = pageAt('README.md');
  const linked = new Set(readme.links.map((link) => targetPath(readme, link)));
  for (const { path, lines } of PAGES.filter((page) => page.path.startsWith('docs/'))) {
    assert.ok(lines.length - 1 <= 250, `${path} has ${lines.length - 1} lines`);
    assert.ok(linked.has(path), `README.md does not link to ${path}`);
  }
});

test('lines are wrapped, but for tables and links', () => {
  for (const { path, prose } of PAGES) {
    const long = prose.split('\n').filter((line) => line.length > MAX_COLUMNS && !/^\||\]\(/.test(line));

    assert.deepEqual(long, [], path);
  }
});

test('each link leads to a file of the repository and to a heading in it, or to another site over TLS', () => {
  for (const page of PAGES) {
    for (const link of page.links) {
      const path = targetPath(page, link);
      if (path === undefined) {
        assert.match(link.target, /^https:\/\//, link.place);
        continue;
      }
      assert.ok(existsSync(join(ROOT, path)), `${link.place}: there is no ${path}`);
      const [, anchor] = link.target.split('#');
      if (anchor !== undefined) {
        assert.ok(anchorsOf(pageAt(path)).has(anchor), `${link.place}: ${path} has no heading #${anchor}`);
      }
    }
  }
});

test('each path of the repository that the text names exists', () => {
  for (const { path, prose } of PAGES.filter((page) => page.path !== 'CHANGELOG.md')) {
    for (const [, name = ''] of prose.matchAll(/`((?:bench|bin|page|scripts|src|systemd|test)\/[^`\s]*)`/g)) {
      assert.ok(globSync(name, { cwd: ROOT }).length > 0, `${path}: ${name}`);
    }
  }
});

test('the map of the code has each folder of the repository and of src', () => {
  const [, ofSource = '', beside = ''] = pageAt('docs/architecture.md').prose.split('| folder |');
  const listed = (table: string): string[] =>
    [...table.matchAll(/^\| (?<cell>`[^|]*) \|/gm)]
      .flatMap(({ groups }) => [...(groups?.['cell'] ?? '').matchAll(/`(\w+)\/`/g)])
      .map(([, name = '']) => name);
  const folders = (path: string): string[] =>
    globSync('*/', { cwd: join(ROOT, path) }).map((name) => name.replace(/\/$/, ''));
  assert.deepEqual(listed(ofSource.split('\n\n')[0] ?? '').toSorted(), folders('src').toSorted());
  const other = new Set(['build', 'dist', 'docs', 'node_modules', 'src']);
  assert.deepEqual(
    listed(beside).toSorted(),
    folders('.')
      .filter((name) => !other.has(name))
      .toSorted(),
  );
});

test('each page that code or configuration names exists', () => {
  const folders = '{bin,bench,contrib,packaging,page,scripts,src,systemd,test}';
  const files = globSync(`${folders}/**/*.{ts,js,sh,json,yml,toml,service,socket,conf}`, { cwd: ROOT });
  assert.ok(files.length > 500);
  for (const file of files) {
    for (const [page] of readText(file).matchAll(/\bdocs\/[\w-]+\.md\b/g)) {
      assert.ok(existsSync(join(ROOT, page)), `${file}: ${page}`);
    }
  }
});

test('SECURITY.md has every package that dns4tor runs, and no other', async () => {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  // The build copies uPlot into the page.
  const expected = [...Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }), 'uplot'];
  const rows =
    pageAt('SECURITY.md')
      .prose.split('| package |')[1]
      ?.matchAll(/^\| (?<cell>`[^|]*) \|/gm) ?? [];
  const listed = [...rows].flatMap(({ groups }) => [...(groups?.['cell'] ?? '').matchAll(/`([\w-]+)`/g)]);
  assert.deepEqual(listed.map(([, name = '']) => name).toSorted(), expected.toSorted());
});

test('the npm package has every page and image that its README links to', async () => {
  const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  // npm adds these three.
  const patterns = [...files, 'README.md', 'LICENSE', 'package.json'];
  const packed = new Set(
    patterns.flatMap((pattern) => [...globSync(pattern, { cwd: ROOT }), ...globSync(`${pattern}/**/*`, { cwd: ROOT })]),
  );
  const readme = pageAt('README.md');
  const images = PAGES.filter(({ path }) => packed.has(path)).flatMap((page) =>
    page.links.filter(({ isImage }) => isImage).map((link) => targetPath(page, link)),
  );
  assert.ok(images.length > 2);
  const needed = [...readme.links.map((link) => targetPath(readme, link)), ...images];
  assert.deepEqual(
    needed.filter((path) => path !== undefined && !packed.has(path)),
    [],
  );
});

for (const [path, render] of Object.entries(GENERATED)) {
  test(`${path} is what the code says`, () => {
    assert.ok(readText(path) === render(), `${path} is out of date; run: npm run docs`);
  });
}
