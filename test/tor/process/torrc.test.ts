import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bridge, VANILLA } from '../../../src/model/bridge.ts';
import { renderTorrc, torPaths } from '../../../src/tor/process/torrc.ts';

test('a directory whose path is too long for a unix socket is rejected, with both lengths', () => {
  const longest = `/${'x'.repeat(98)}`;
  assert.equal(Buffer.byteLength(torPaths(longest).control), 107);
  assert.throws(() => torPaths(`${longest}x`), { code: 'ERR_TOR_MANAGED', message: /\b108 bytes.*\b107\b/ });
});

test('bridges are the only way into the network, and a program is started once for all its transports', () => {
  const parts = { host: '192.0.2.1', port: 443, fingerprint: undefined, args: ['cert=x'] };
  const bridges = ['obfs4', 'meek_lite', 'snowflake'].map((transport) => new Bridge({ ...parts, transport }));
  const lines = renderTorrc(torPaths('/state'), 42, {
    bridges: [...bridges, new Bridge({ ...parts, transport: VANILLA, args: [] })],
    transports: [
      { transport: 'obfs4', path: '/usr/bin/lyrebird' },
      { transport: 'snowflake', path: '/usr/bin/snowflake-client' },
      { transport: 'meek_lite', path: '/usr/bin/lyrebird' },
    ],
    torOptions: [],
  }).split('\n');
  assert.deepEqual(
    lines.filter((line) => /Bridge|Transport/.test(line)),
    [
      'UseBridges 1',
      'Bridge obfs4 192.0.2.1:443 cert=x',
      'Bridge meek_lite 192.0.2.1:443 cert=x',
      'Bridge snowflake 192.0.2.1:443 cert=x',
      'Bridge 192.0.2.1:443',
      'ClientTransportPlugin obfs4,meek_lite exec /usr/bin/lyrebird',
      'ClientTransportPlugin snowflake exec /usr/bin/snowflake-client',
    ],
  );
  const without = renderTorrc(torPaths('/state'), 42, { bridges: [], transports: [], torOptions: [] });
  assert.doesNotMatch(without, /Bridge|Transport/);
});

test('paths are quoted, and added options come last', () => {
  const text = renderTorrc(torPaths('/a "b"\\c'), 42, { bridges: [], transports: [], torOptions: ['Nickname x'] });
  const lines = text.split('\n');
  assert.ok(lines.includes(String.raw`DataDirectory "/a \"b\"\\c"`));
  assert.ok(lines.includes(String.raw`SocksPort unix:"/a \"b\"\\c/socks" ExtendedErrors`));
  assert.ok(lines.includes('__OwningControllerProcess 42'));
  assert.deepEqual(lines.slice(-2), ['Nickname x', '']);
});
