import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { checkAppendFile, checkProgram, readCertificates } from '../../src/config/files.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const [FIRST = '', SECOND = ''] = rootCertificates;

test('all certificates of a file are read, without the text between them', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'ca.pem');
  writeFileSync(path, `# mine\n${FIRST}\nremark\n${SECOND}\n`);
  assert.deepEqual(readCertificates(path), { value: `${FIRST}\n${SECOND}` });
});

test('a file without a certificate, with a malformed one, or too large is refused with the reason', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'ca.pem');
  const problem = (content: string): string => {
    writeFileSync(path, content);
    const parsed = readCertificates(path);
    return 'problem' in parsed ? parsed.problem : 'no problem';
  };
  assert.match(problem('no certificate'), /holds no certificate/);
  assert.match(problem(`${FIRST}\n${SECOND.replace(/.{64}\n/, '')}`), /malformed certificate \(number 2\)/);
  writeFileSync(path, '');
  truncateSync(path, 1024 * 1024 + 1);
  const large = readCertificates(path);
  assert.match('problem' in large ? large.problem : '', /is larger than/);
});

test('checking a log file does not create it', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'dns4tor.log');
  assert.deepEqual(checkAppendFile(path), { value: path });
  assert.equal(existsSync(path), false);
});

test('a log file whose path other users could redirect is refused, with a remedy', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'logs', 'dns4tor.log');
  mkdirSync(join(directory.path, 'logs'));
  chmodSync(join(directory.path, 'logs'), 0o777);
  const parsed = checkAppendFile(path);
  assert.match('problem' in parsed ? `${parsed.problem}; ${parsed.remedy}` : '', /mode 0777\).*chmod go-w/);
  assert.equal(existsSync(path), false);
  chmodSync(join(directory.path, 'logs'), 0o755);
  assert.deepEqual(checkAppendFile(path), { value: path });
});

test('a program whose path other users could redirect is refused', async () => {
  await using directory = await createTemporaryDirectory();
  const folder = join(directory.path, 'bin');
  const path = join(folder, 'tor');
  mkdirSync(folder);
  writeFileSync(path, '#!/bin/sh\n', { mode: 0o700 });
  assert.deepEqual(checkProgram(path), { value: path });
  chmodSync(folder, 0o777);
  const parsed = checkProgram(path);
  assert.match('problem' in parsed ? `${parsed.problem}; ${parsed.remedy}` : '', /mode 0777\).*chmod go-w/);
});
