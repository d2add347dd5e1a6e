import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTorrc, torPaths } from '../../../src/tor/process/torrc.ts';

test('a directory whose path is too long for a unix socket is rejected, with both lengths', () => {
  const longest = `/${'x'.repeat(98)}`;
  assert.equal(Buffer.byteLength(torPaths(longest).control), 107);
  assert.throws(() => torPaths(`${longest}x`), { code: 'ERR_TOR_MANAGED', message: /\b108 bytes.*\b107\b/ });
});

test('paths are quoted, and added options come last', () => {
  const text = renderTorrc(torPaths('/a "b"\\c'), 42, { bridges: [], transports: [], torOptions: ['Nickname x'] });
  const lines = text.split('\n');
  assert.ok(lines.includes(String.raw`DataDirectory "/a \"b\"\\c"`));
  assert.ok(lines.includes(String.raw`SocksPort unix:"/a \"b\"\\c/socks" ExtendedErrors`));
  assert.ok(lines.includes('__OwningControllerProcess 42'));
  assert.deepEqual(lines.slice(-2), ['Nickname x', '']);
});
