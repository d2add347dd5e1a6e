import assert from 'node:assert/strict';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readOnionAuthFile } from '../../../src/config/parse/onion-auth-file.ts';
import { readTorUids } from '../../../src/tor/tor-uids.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

const ADDRESS = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad';
/** 32 bytes whose encoding is the alphabet of Base32 in order. */
const KEY = 'abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst';
const KEY_HEX = '00443214c74254b635cf84653a56d7c675be77df00443214c74254b635cf8465';

async function problemsOf(content: string, mode = 0o600): Promise<string> {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'resolver.auth_private');
  writeFileSync(path, content);
  chmodSync(path, mode);
  const parsed = readOnionAuthFile(path);
  const problem = 'problem' in parsed ? `${parsed.problem}; ${parsed.remedy}` : '';
  assert.ok(problem === '' || problem.startsWith(`'${path}' `));
  assert.ok(!problem.includes(KEY.slice(0, 40)));
  return problem.replace(`'${path}' `, '');
}

test("tor's format is read into the address and the key's bytes, in upper case, too", async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'resolver.auth_private');
  for (const [address, key] of [
    [ADDRESS, KEY],
    [ADDRESS.toUpperCase(), KEY.toUpperCase()],
  ]) {
    writeFileSync(path, `${address}:descriptor:x25519:${key}\n`, { mode: 0o600 });
    const parsed = readOnionAuthFile(path);
    assert.ok('value' in parsed);
    assert.equal(parsed.value.address, ADDRESS);
    const { d = '' } = parsed.value.key.export({ format: 'jwk' });
    assert.equal(Buffer.from(d, 'base64url').toString('hex'), KEY_HEX);
  }
});

test('no text made of the value contains the key', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'resolver.auth_private');
  writeFileSync(path, `${ADDRESS}:descriptor:x25519:${KEY}`, { mode: 0o600 });
  const parsed = readOnionAuthFile(path);
  assert.ok('value' in parsed);
  assert.equal(JSON.stringify(parsed.value), JSON.stringify({ address: ADDRESS, key: {} }));
});

test('a file of another format is refused without being quoted', async () => {
  const lines = [
    '',
    KEY,
    `descriptor:x25519:${KEY}`,
    `${ADDRESS}:descriptor:ed25519:${KEY}`,
    `${ADDRESS}:key:x25519:${KEY}`,
    `${ADDRESS}:descriptor:x25519:${KEY}:more`,
  ];
  for (const line of lines) assert.match(await problemsOf(line), /^is not one of tor's \.auth_private files/);
});

test('the address must have the right checksum, and the key the right length and characters', async () => {
  const line = (address: string, key: string): string => `${address}:descriptor:x25519:${key}`;
  assert.match(await problemsOf(line(ADDRESS.replace('dns4', 'dns5'), KEY)), /^holds an address that .*checksum/);
  assert.match(await problemsOf(line(`${ADDRESS}.onion`, KEY)), /^holds an address that /);
  assert.match(await problemsOf(line(ADDRESS, KEY.slice(1))), /^holds a key that is not 52 characters/);
  assert.match(await problemsOf(line(ADDRESS, `${KEY}a`)), /^holds a key that is not 52 characters/);
  assert.match(await problemsOf(line(ADDRESS, KEY.replace('a', '1'))), /^holds a key that is not 52 characters/);
});

test('a file that other users can read is refused; its group may read it', async () => {
  const line = `${ADDRESS}:descriptor:x25519:${KEY}`;
  assert.match(await problemsOf(line, 0o604), /^is accessible to other users of this machine; run chmod 600/);
  assert.equal(await problemsOf(line, 0o640), '');
  assert.equal(await problemsOf(line, 0o400), '');
});

test('a key file that other users could replace is refused; one in Tor’s own directory is accepted', async () => {
  const line = `${ADDRESS}:descriptor:x25519:${KEY}`;
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'resolver.auth_private');
  writeFileSync(path, line, { mode: 0o600 });
  assert.ok('value' in readOnionAuthFile(path));
  chmodSync(directory.path, 0o777);
  const parsed = readOnionAuthFile(path);
  assert.match('problem' in parsed ? `${parsed.problem}; ${parsed.remedy}` : '', /mode 0777\).*chmod go-w/);
  chmodSync(directory.path, 0o700);
  const [torUid] = readTorUids();
  if (torUid === undefined || process.getuid?.() !== 0) return;
  chownSync(directory.path, torUid, torUid);
  chownSync(path, torUid, torUid);
  assert.ok('value' in readOnionAuthFile(path));
});

test('all problems of a file are reported at once', async () => {
  const problem = await problemsOf(`${ADDRESS.slice(1)}:descriptor:x25519:${KEY.slice(1)}`, 0o644);
  assert.match(problem, /^is accessible to .*; holds an address that .*; holds a key that /);
});
