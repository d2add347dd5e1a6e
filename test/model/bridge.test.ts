import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Bridge, type BridgeParts, VANILLA } from '../../src/model/bridge.ts';

const PARTS: BridgeParts = {
  transport: 'obfs4',
  host: '192.0.2.10',
  port: 443,
  fingerprint: '0123456789ABCDEF0123456789ABCDEF01234567',
  args: ['cert=secret', 'iat-mode=0'],
};

test('a bridge shows its transport and nothing else, however it is printed', () => {
  const bridge = new Bridge(PARTS);
  const shown = [
    String(bridge),
    inspect(bridge, { depth: null, showHidden: true, customInspect: true }),
    inspect({ tor: { bridges: [bridge] } }, { depth: null, showHidden: true }),
    inspect(bridge, { depth: null, showHidden: true, customInspect: false }),
    JSON.stringify([bridge]),
    JSON.stringify(Object.entries(bridge)),
    JSON.stringify(structuredClone(bridge)),
  ];
  for (const text of shown) {
    assert.match(text, /obfs4/);
    for (const secret of ['192.0.2.10', '443', '0123456789', 'secret']) assert.ok(!text.includes(secret), text);
  }
});

test('its torrc line has the parts that it was given; a vanilla bridge has no transport there', () => {
  assert.equal(
    new Bridge(PARTS).toTorrc(),
    'obfs4 192.0.2.10:443 0123456789ABCDEF0123456789ABCDEF01234567 cert=secret iat-mode=0',
  );
  const vanilla = { transport: VANILLA, host: '2001:db8::1', port: 9001, fingerprint: undefined, args: [] };
  assert.equal(new Bridge(vanilla).toTorrc(), '[2001:db8::1]:9001');
});

test('only snowflake, meek_lite and webtunnel look up names', () => {
  const resolving = ['snowflake', 'meek_lite', 'webtunnel', 'obfs4', VANILLA].map(
    (transport) => new Bridge({ ...PARTS, transport }).resolvesNames,
  );
  assert.deepEqual(resolving, [true, true, true, false, false]);
});

test('two bridges are at one address whatever its spelling, and only with one port', () => {
  const at = (host: string, port: number): Bridge => new Bridge({ ...PARTS, host, port });
  assert.ok(at('2001:DB8:0:0::1', 1).isAtAddressOf(at('2001:db8::1', 1)));
  assert.ok(!at('2001:db8::1', 1).isAtAddressOf(at('2001:db8::1', 2)));
  assert.ok(!at('192.0.2.1', 1).isAtAddressOf(at('192.0.2.2', 1)));
});
