import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTorrc, stateDirectory, torPaths } from '../../../src/tor/process/torrc.ts';
import { asOtherUser, UNKNOWN_USER } from '../../fixtures/other-user.ts';

test("the state directory is systemd's, else XDG's, else in the home directory", () => {
  const home = { HOME: '/home/alice' };
  const xdg = { ...home, XDG_STATE_HOME: '/state' };
  assert.equal(stateDirectory({ ...xdg, STATE_DIRECTORY: '/var/lib/dns4tor:/var/lib/other' }), '/var/lib/dns4tor');
  assert.equal(stateDirectory(xdg), '/state/dns4tor');
  assert.equal(stateDirectory({ ...home, XDG_STATE_HOME: 'relative' }), '/home/alice/.local/state/dns4tor');
  assert.equal(stateDirectory(home), '/home/alice/.local/state/dns4tor');
});

test('a user without a home directory has a state directory only where it is named', async () => {
  const { HOME } = process.env;
  delete process.env['HOME'];
  try {
    await asOtherUser(async () => {
      assert.throws(() => stateDirectory({}), { code: 'ERR_TOR_MANAGED', message: /has no home directory/ });
      assert.equal(stateDirectory({ STATE_DIRECTORY: '/var/lib/dns4tor' }), '/var/lib/dns4tor');
    }, UNKNOWN_USER);
  } finally {
    if (HOME !== undefined) process.env['HOME'] = HOME;
  }
});

test('a directory too long for a unix socket is refused with the numbers', () => {
  const longest = `/${'x'.repeat(98)}`;
  assert.equal(Buffer.byteLength(torPaths(longest).control), 107);
  assert.throws(() => torPaths(`${longest}x`), { code: 'ERR_TOR_MANAGED', message: /has 108 bytes.* 107 at most/ });
});

test('paths are quoted, and options come last', () => {
  const text = renderTorrc(torPaths('/a "b"\\c'), 42, ['UseBridges 1']);
  const lines = text.split('\n');
  assert.ok(lines.includes(String.raw`DataDirectory "/a \"b\"\\c"`));
  assert.ok(lines.includes(String.raw`SocksPort unix:"/a \"b\"\\c/socks" ExtendedErrors`));
  assert.ok(lines.includes('__OwningControllerProcess 42'));
  assert.deepEqual(lines.slice(-2), ['UseBridges 1', '']);
});
