import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aliasProblems, parseDomain, parseOwnName } from '../../../../src/config/parse/local/name-rule.ts';

function valueOf(text: string): unknown {
  const parsed = parseOwnName(text);
  return 'value' in parsed ? parsed.value : undefined;
}

test('a name has an address or a target', () => {
  assert.deepEqual(valueOf('Nas.Lan=192.168.1.5'), { name: 'nas.lan', address: '192.168.1.5' });
  assert.deepEqual(valueOf('nas.lan. = fd00::5'), { name: 'nas.lan', address: 'fd00::5' });
  assert.deepEqual(valueOf('nas=WWW.Example.com.'), { name: 'nas', target: 'www.example.com' });
  assert.deepEqual(valueOf('bücher.lan=192.168.1.5'), { name: 'xn--bcher-kva.lan', address: '192.168.1.5' });
});

test('what is no name, no address or reserved is refused', () => {
  for (const text of [
    'nas.lan',
    '=192.168.1.5',
    'nas.lan=',
    'nas..lan=192.168.1.5',
    'nas lan=192.168.1.5',
    'bü\tcher.lan=192.168.1.5',
    'nas=bü\ncher.example',
    '192.168.1.5=nas.lan',
    'nas.lan=192.168.1',
    'nas.lan=fe80::1%eth0',
    'localhost=192.168.1.5',
    'x.localhost=192.168.1.5',
    'x.onion=192.168.1.5',
    `${'a'.repeat(64)}.lan=192.168.1.5`,
  ]) {
    assert.equal(valueOf(text), undefined, text);
  }
  assert.ok('problem' in parseDomain('a b'));
  assert.deepEqual(parseDomain('Plex.Direct.'), { value: 'plex.direct' });
});

test('an alias may not have other values, nor lead back to itself', () => {
  const target = (name: string, to: string): { name: string; target: string } => ({ name, target: to });
  const good = [target('a.lan', 'b.lan'), target('b.lan', 'www.example.com'), { name: 'c.lan', address: '10.0.0.1' }];
  assert.deepEqual(aliasProblems(good), []);
  assert.equal(aliasProblems([target('a.lan', 'a.lan')]).length, 1);
  assert.equal(aliasProblems([target('a.lan', 'b.lan'), target('b.lan', 'a.lan')]).length, 2);
  assert.equal(aliasProblems([target('a.lan', 'x.example'), { name: 'a.lan', address: '10.0.0.1' }]).length, 1);
  const chain = Array.from({ length: 20 }, (_, i) => target(`n${i}.lan`, `n${i + 1}.lan`));
  assert.ok(aliasProblems(chain).length > 0);
});
