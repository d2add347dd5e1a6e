import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envNamesOf, FILE_KEYS, OPTION_KEYS, optionSpec } from '../../src/config/options.ts';
import { parseValue } from '../../src/config/parse/kinds.ts';

test('every default and bound is a valid value of its option', () => {
  for (const key of OPTION_KEYS) {
    const spec = optionSpec(key);
    for (const text of [spec.default, spec.min, spec.max]) {
      if (text === undefined) continue;
      assert.ok('value' in parseValue(spec.kind, text, spec), `${key}: ${text}`);
    }
  }
});

test('every option has either a default or a text for being unset', () => {
  for (const key of OPTION_KEYS) {
    const { default: text, unset } = optionSpec(key);
    assert.equal([text, unset].filter((word) => word !== undefined).length, 1, key);
  }
});

test("environment variables are derived from the key, and cloudflared's come after ours", () => {
  assert.deepEqual(envNamesOf('max-upstream-conns'), ['DNS4TOR_MAX_UPSTREAM_CONNS', 'TUNNEL_DNS_MAX_UPSTREAM_CONNS']);
  assert.deepEqual(envNamesOf('tor-socks'), ['DNS4TOR_TOR_SOCKS']);
  assert.deepEqual(envNamesOf('config'), ['DNS4TOR_CONFIG']);
});

test('no two options share an environment variable', () => {
  const names = OPTION_KEYS.flatMap(envNamesOf);
  assert.deepEqual([...new Set(names)], names);
});

test('a file cannot name another file, and only the command line can set --check', () => {
  assert.equal(FILE_KEYS.includes('config'), false);
  assert.equal(FILE_KEYS.includes('check'), false);
  assert.deepEqual(envNamesOf('check'), []);
});
