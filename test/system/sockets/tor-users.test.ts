import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { standingOfUser } from '../../../src/system/sockets/tor-users.ts';
import { asOtherUser, OTHER_USER, UNKNOWN_USER } from '../../fixtures/process/other-user.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

const TOR_USERS = new URL('../../../src/system/sockets/tor-users.ts', import.meta.url).href;

/** The standing of these users on a machine with these entries in /etc/passwd. */
async function standings(passwd: readonly string[], uids: readonly number[]): Promise<unknown> {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'passwd');
  await writeFile(path, [...passwd, ''].join('\n'));
  const script = `
    const { standingOfUser } = await import('${TOR_USERS}');
    console.log(JSON.stringify(await Promise.all(${JSON.stringify(uids)}.map(standingOfUser))));`;
  const run = 'mount --bind "$1" /etc/passwd && exec "$0" --input-type=module -e "$2"';
  return JSON.parse(await runProgram('unshare', ['--mount', 'sh', '-c', run, process.execPath, path, script]));
}

test("root is trusted, and Tor's user under each distribution's name for it", async () => {
  const passwd = [
    'debian-tor:x:102:105::/var/lib/tor:/bin/false',
    '_tor:x:256:256::/:/bin/false',
    'alice:x:1000:1000::/:',
  ];
  assert.deepEqual(await standings(passwd, [0, 102, 256, 103, 1000]), ['tor', 'tor', 'tor', 'foreign', 'foreign']);
  assert.deepEqual(await standings(['toranon:x:994:994::/:', 'tor:x:43:43::/:'], [994, 43]), ['tor', 'tor']);
});

test('a login user named like Tor is not trusted', async () => {
  assert.deepEqual(await standings(['tor:x:1000:1000:Tor Hansen:/home/tor:/bin/bash'], [1000]), ['foreign']);
});

test('without /etc/passwd, other users are not trusted', async () => {
  assert.deepEqual(await standings([], [102, OTHER_USER]), ['foreign', 'foreign']);
});

test('the user who became root by sudo is trusted; a forged SUDO_UID is not', async () => {
  process.env['SUDO_UID'] = String(UNKNOWN_USER);
  try {
    assert.equal(await standingOfUser(UNKNOWN_USER), 'tor');
    assert.equal(await standingOfUser(UNKNOWN_USER + 1), 'foreign');
    assert.equal(await asOtherUser(() => standingOfUser(UNKNOWN_USER)), 'foreign');
  } finally {
    delete process.env['SUDO_UID'];
  }
});

test('dns4tor’s own user is trusted', async () => {
  assert.equal(await asOtherUser(() => standingOfUser(OTHER_USER)), 'tor');
});
