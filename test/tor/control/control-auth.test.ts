import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { type ControlConnection, openControl } from '../../../src/tor/control/control-connection.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { type ControlDouble, type Script, startControlDouble } from '../control-double.ts';

function open({ address }: ControlDouble): Promise<ControlConnection> {
  return openControl({ address, clock: systemClock, random: systemRandom, onEvent: () => {} });
}

function protocolInfo(auth: string): Script {
  return { PROTOCOLINFO: ['250-PROTOCOLINFO 1', `250-AUTH ${auth}`, '250 OK'] };
}

test('the cookie is proved to be known, and is not sent', async () => {
  await using tor = await startControlDouble();
  using control = await open(tor);
  await control.command('GETINFO version');
  const verbs = tor.commands.map((command) => command.split(' ', 1).join());
  assert.deepEqual(verbs, ['PROTOCOLINFO', 'AUTHCHALLENGE', 'AUTHENTICATE', 'GETINFO']);
  const cookie = Buffer.alloc(32, 'cookie').toString('hex');
  assert.ok(!tor.commands.join().toLowerCase().includes(cookie));
});

test('an impostor who does not know the cookie that he names gets no authentication', async () => {
  const proof = `SERVERHASH=${'0'.repeat(64)} SERVERNONCE=${'0'.repeat(64)}`;
  await using impostor = await startControlDouble({ AUTHCHALLENGE: [`250 AUTHCHALLENGE ${proof}`] });
  await assert.rejects(open(impostor), { code: 'ERR_TOR_CONTROL', message: /does not know what is in the cookie/ });
  assert.equal(impostor.commands.length, 2);
});

test('an answer to the challenge that is none is refused', async () => {
  await using impostor = await startControlDouble({ AUTHCHALLENGE: ['250 OK'] });
  await assert.rejects(open(impostor), { code: 'ERR_TOR_CONTROL', message: /did not take the challenge/ });
});

test('methods that prove nothing are not used, though they would be enough for tor', async () => {
  for (const auth of ['METHODS=NULL', 'METHODS=HASHEDPASSWORD', 'METHODS=COOKIE COOKIEFILE="/x/control_auth_cookie"']) {
    await using tor = await startControlDouble(protocolInfo(auth));
    await assert.rejects(open(tor), { code: 'ERR_TOR_CONTROL', message: /does not let a cookie authenticate/ });
    assert.equal(tor.commands.length, 1);
  }
});

test('a file that is not called like a cookie is not read, whatever is in it', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'id_ed25519');
  await writeFile(path, Buffer.alloc(32, 'cookie'));
  await using impostor = await startControlDouble(protocolInfo(`METHODS=COOKIE,SAFECOOKIE COOKIEFILE="${path}"`));
  await assert.rejects(open(impostor), { code: 'ERR_TOR_CONTROL', message: /is not called as one/ });
});

test('a cookie file that is too short or too long is refused', async () => {
  for (const bytes of [31, 33]) {
    await using tor = await startControlDouble();
    await writeFile(tor.cookiePath, Buffer.alloc(bytes));
    await assert.rejects(open(tor), { code: 'ERR_TOR_CONTROL', message: /does not hold 32 bytes/ });
  }
});

test('a cookie file that is no file, or is missing, is an error that says so', async () => {
  await using directory = await createTemporaryDirectory();
  const at = (name: string): string => join(directory.path, name, 'control_auth_cookie');
  await mkdir(at('folder'), { recursive: true });
  await mkdir(dirname(at('device')));
  await symlink('/dev/zero', at('device'));
  for (const [name, message] of [
    ['folder', /is none/],
    ['device', /is none/],
    ['missing', /cannot be read \(ENOENT\)/],
  ] as const) {
    await using tor = await startControlDouble(protocolInfo(`METHODS=SAFECOOKIE COOKIEFILE="${at(name)}"`));
    await assert.rejects(open(tor), { code: 'ERR_TOR_CONTROL', message });
  }
});
