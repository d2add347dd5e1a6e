import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { buildQuery } from '../fixtures/dns/messages.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { assertLacks, createCanary, findIn } from './canary.ts';

test('the label is found in files at any depth, as text in any case and inside a DNS message', async () => {
  await using directory = await createTemporaryDirectory();
  const canary = createCanary();
  await mkdir(join(directory.path, 'a', 'b'), { recursive: true });
  const files = [join(directory.path, 'a', 'b', 'core'), join(directory.path, 'a', 'log')];
  await writeFile(files[0] as string, buildQuery({ name: `${canary}-1.example` }));
  await writeFile(files[1] as string, `asked for ${canary.toUpperCase()}.example`);
  await writeFile(join(directory.path, 'other'), createCanary());
  assert.deepEqual((await findIn(directory.path, canary)).toSorted(), files);
});

test('the label is found in a log', () => {
  const canary = createCanary();
  assert.throws(() => assertLacks(`first\nfailed: ${canary.toUpperCase()}.example\n`, canary));
  assertLacks('nothing of the kind', canary);
});

test('the label is found in the URL of a GET request for DoH, wherever it stands in the message, and in printed octets', () => {
  const canary = createCanary();
  for (const name of [`${canary}.example`, `a.${canary}.example`, `ab.${canary}.example`]) {
    const query = buildQuery({ name });
    const target = `GET /dns-query?dns=${Buffer.from(query).toString('base64url')}`;
    for (const text of [target, Buffer.from(query).toString('hex'), inspect(query), inspect(Buffer.from(query))]) {
      assert.throws(() => assertLacks(`first\n${text}\n`, canary), text);
      assertLacks(text, createCanary());
    }
  }
});
