import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { ControlAuthError, isTrustedCookie } from '../../../src/tor/control/control-auth.ts';
import { type ControlConnection, openControl } from '../../../src/tor/control/control-connection.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { type ControlDouble, type Script, startControlDouble } from '../control-double.ts';

const TCP = { kind: 'tcp', host: '127.0.0.1', port: 9051 } as const;
const UNIX = { kind: 'unix', path: '/srv/tor/control' } as const;
const [ROOT, US, TOR, MALLORY] = [0, 1000, 105, 1001];

function open({ address }: ControlDouble): Promise<ControlConnection> {
  return openControl({ address, clock: systemClock, random: systemRandom, onEvent: () => {} });
}

/** Asserts that the connection fails with ERR_TOR_CONTROL, for the given reason. */
async function assertRefused(double: ControlDouble, reason: ControlAuthError['code']): Promise<void> {
  await assert.rejects(open(double), (error: Error & { readonly code?: string }) => {
    assert.equal(error.code, 'ERR_TOR_CONTROL');
    assert.ok(error.cause instanceof ControlAuthError);
    assert.equal(error.cause.code, reason);
    return true;
  });
}

function protocolInfo(auth: string): Script {
  return { PROTOCOLINFO: ['250-PROTOCOLINFO 1', `250-AUTH ${auth}`, '250 OK'] };
}

test('the client proves that it knows the cookie, and does not send it', async () => {
  await using tor = await startControlDouble();
  using control = await open(tor);
  await control.command('GETINFO version');
  const verbs = tor.commands.map((command) => command.split(' ', 1).join());
  assert.deepEqual(verbs, ['PROTOCOLINFO', 'AUTHCHALLENGE', 'AUTHENTICATE', 'GETINFO']);
  const cookie = Buffer.alloc(32, 'cookie').toString('hex');
  assert.ok(!tor.commands.join().toLowerCase().includes(cookie));
});

test('an impostor that does not know the cookie in the file it names is not authenticated to', async () => {
  const proof = `SERVERHASH=${'0'.repeat(64)} SERVERNONCE=${'0'.repeat(64)}`;
  await using impostor = await startControlDouble({ AUTHCHALLENGE: [`250 AUTHCHALLENGE ${proof}`] });
  await assertRefused(impostor, 'BAD_PROOF');
  assert.equal(impostor.commands.length, 2);
});

test('a malformed reply to the challenge is rejected', async () => {
  await using impostor = await startControlDouble({ AUTHCHALLENGE: ['250 OK'] });
  await assertRefused(impostor, 'BAD_CHALLENGE');
});

test("methods that do not prove Tor's identity are not used, although Tor would accept them", async () => {
  for (const auth of ['METHODS=NULL', 'METHODS=HASHEDPASSWORD', 'METHODS=COOKIE COOKIEFILE="/x/control_auth_cookie"']) {
    await using tor = await startControlDouble(protocolInfo(auth));
    await assertRefused(tor, 'NOT_OFFERED');
    assert.equal(tor.commands.length, 1);
  }
});

test('a file without the name of a cookie file is not read, whatever its content', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'id_ed25519');
  await writeFile(path, Buffer.alloc(32, 'cookie'));
  await using impostor = await startControlDouble(protocolInfo(`METHODS=COOKIE,SAFECOOKIE COOKIEFILE="${path}"`));
  await assertRefused(impostor, 'COOKIE_NAME');
});

test('a cookie file that is too short or too long is rejected', async () => {
  for (const bytes of [31, 33]) {
    await using tor = await startControlDouble();
    await writeFile(tor.cookiePath, Buffer.alloc(bytes));
    await assertRefused(tor, 'COOKIE_SIZE');
  }
});

test('a cookie file that is not a regular file, or is missing, is reported as such', async () => {
  await using directory = await createTemporaryDirectory();
  const at = (name: string): string => join(directory.path, name, 'control_auth_cookie');
  await mkdir(at('folder'), { recursive: true });
  await mkdir(dirname(at('device')));
  await symlink('/dev/zero', at('device'));
  for (const [name, reason] of [
    ['folder', 'COOKIE_TYPE'],
    ['device', 'COOKIE_TYPE'],
    ['missing', 'COOKIE_UNREADABLE'],
  ] as const) {
    await using tor = await startControlDouble(protocolInfo(`METHODS=SAFECOOKIE COOKIEFILE="${at(name)}"`));
    await assertRefused(tor, reason);
  }
});

test("a cookie of root or of dns4tor's user is trusted, and so is a system Tor's cookie file", () => {
  assert.ok(isTrustedCookie('/home/me/tor-browser/control_auth_cookie', US, US, TCP));
  assert.ok(isTrustedCookie('/opt/tor/control_auth_cookie', ROOT, US, TCP));
  assert.ok(isTrustedCookie('/run/tor/control.authcookie', TOR, US, TCP));
});

test("another user's cookie elsewhere is not trusted: that user may listen on Tor's port", () => {
  assert.ok(!isTrustedCookie('/tmp/control_auth_cookie', MALLORY, US, TCP));
  assert.ok(!isTrustedCookie('/tmp/run/tor/control.authcookie', MALLORY, US, TCP));
});

test('a cookie beside the control socket is as trusted as the socket, unlike one elsewhere', () => {
  assert.ok(isTrustedCookie('/srv/tor/control_auth_cookie', TOR, US, UNIX));
  assert.ok(!isTrustedCookie('/srv/control_auth_cookie', TOR, US, UNIX));
});
