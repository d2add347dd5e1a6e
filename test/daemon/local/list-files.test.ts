import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadLists } from '../../../src/daemon/local/list-files.ts';
import { rawName } from '../../fixtures/dns/messages.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

const KEY = new Uint8Array(8);

test('all lists become one set, and each file has a report', async () => {
  await using directory = await createTemporaryDirectory();
  const [block, hosts, allow] = ['block', 'hosts', 'allow'].map((name) => join(directory.path, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(block, 'ads.example\n||track.example^\nnonsense\n||x.example^$popup\n');
  await writeFile(hosts, '0.0.0.0 ads.example more.example\n');
  await writeFile(allow, '@@||good.ads.example^\n');
  const { names, reports } = await loadLists(
    [
      { path: block, kind: 'block' },
      { path: hosts, kind: 'block' },
      { path: allow, kind: 'allow' },
    ],
    KEY,
  );
  assert.deepEqual(
    reports.map((report) => [report.names, report.otherLines]),
    [
      [2, 2],
      [2, 0],
      [1, 0],
    ],
  );
  assert.deepEqual(names.counts, { block: 3, allow: 1 });
  assert.equal(names.judge(rawName('x', 'track', 'example'), 0), 'blocked');
  assert.equal(names.judge(rawName('good', 'ads', 'example'), 0), 'allowed');
});

test('a list of several slices is read whole', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'list');
  const count = 20_000;
  await writeFile(path, Array.from({ length: count }, (_, i) => `host-${i}.example`).join('\n'));
  const { names } = await loadLists([{ path, kind: 'block' }], KEY);
  assert.equal(names.counts.block, count);
  for (let i = 0; i < count; i++) assert.equal(names.judge(rawName(`host-${i}`, 'example'), 0), 'blocked');
});

test('a list that cannot be read is an error that names the file', async () => {
  await assert.rejects(loadLists([{ path: '/nonexistent/list', kind: 'block' }], KEY), {
    code: 'ERR_LIST_FILE',
    detail: '/nonexistent/list',
  });
});

test('without lists nothing is blocked', async () => {
  const { names } = await loadLists([], KEY);
  assert.equal(names.judge(rawName('ads', 'example'), 0), undefined);
});
