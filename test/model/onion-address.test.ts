import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { decodeBase32, isOnionHost, onionAddressProblem } from '../../src/model/onion-address.ts';
import { encodeBase32 } from '../fixtures/tor/base32.ts';

const VALID = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion';

test('only hosts under .onion are onion hosts, in upper or lower case', () => {
  assert.equal(isOnionHost(VALID), true);
  assert.equal(isOnionHost('Example.ONION'), true);
  assert.equal(isOnionHost('onion.example'), false);
  assert.equal(isOnionHost('myonion'), false);
});

test('valid addresses are accepted, also in upper case and with labels before them', () => {
  // The second is the example of rend-spec-v3 [ONIONADDRESS].
  for (const host of [VALID, 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion']) {
    assert.equal(onionAddressProblem(host), undefined);
    assert.equal(onionAddressProblem(host.toUpperCase()), undefined);
    assert.equal(onionAddressProblem(`www.${host}`), undefined);
  }
});

test('a wrong character at any position is the same typing error, even where it changes the version', () => {
  const typingError = onionAddressProblem(VALID.replace('dns4', 'dns5'));
  assert.ok(typingError !== undefined);
  const address = VALID.slice(0, -'.onion'.length);
  for (let index = 0; index < address.length; index++) {
    for (const character of 'abcdefghijklmnopqrstuvwxyz234567') {
      if (character === address[index]) continue;
      const wrong = `${address.slice(0, index)}${character}${address.slice(index + 1)}.onion`;
      assert.deepEqual(onionAddressProblem(wrong), typingError, wrong);
    }
  }
});

test('an address of another version whose checksum matches is not mistyped', () => {
  const publicKey = Buffer.alloc(32);
  const version = Uint8Array.of(4);
  const hash = createHash('sha3-256').update('.onion checksum').update(publicKey).update(version);
  const bytes = Buffer.concat([publicKey, hash.digest().subarray(0, 2), version]);
  const problem = onionAddressProblem(`${encodeBase32(bytes)}.onion`);
  assert.ok(problem !== undefined);
  assert.notDeepEqual(problem, onionAddressProblem(VALID.replace('dns4', 'dns5')));
});

test('a wrong length and the retired version 2 are reported', () => {
  assert.match(onionAddressProblem(VALID.slice(1))?.problem ?? '', /\b55\b.*\b56\b/);
  assert.match(onionAddressProblem('.onion')?.problem ?? '', /\b0\b.*\b56\b/);
  assert.match(onionAddressProblem('expyuzz4wqqyqhjn.onion')?.problem ?? '', /version 2/);
});

test('a character outside Base32 is reported', () => {
  assert.match(onionAddressProblem(VALID.replace('dns4', 'dns1'))?.problem ?? '', /'1'/);
});

test('RFC 4648 §10: the test vectors without padding', () => {
  const vectors = [
    ['', ''],
    ['my', 'f'],
    ['mzxq', 'fo'],
    ['mzxw6', 'foo'],
    ['mzxw6yq', 'foob'],
    ['mzxw6ytb', 'fooba'],
    ['mzxw6ytboi', 'foobar'],
  ] as const;
  for (const [encoded, text] of vectors) assert.equal(Buffer.from(decodeBase32(encoded)).toString(), text);
});
