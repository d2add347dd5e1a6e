import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOnionHost, onionAddressProblem } from '../../src/model/onion-address.ts';

const VALID = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion';

test('only hosts under .onion are onion hosts, in whatever case', () => {
  assert.equal(isOnionHost(VALID), true);
  assert.equal(isOnionHost('Example.ONION'), true);
  assert.equal(isOnionHost('onion.example'), false);
  assert.equal(isOnionHost('myonion'), false);
});

test('valid addresses are accepted, in upper case and below a subdomain too', () => {
  // The second is the example of rend-spec-v3 [ONIONADDRESS].
  for (const host of [VALID, 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion']) {
    assert.equal(onionAddressProblem(host), undefined);
    assert.equal(onionAddressProblem(host.toUpperCase()), undefined);
    assert.equal(onionAddressProblem(`www.${host}`), undefined);
  }
});

test('one wrong letter fails the checksum, wherever it stands', () => {
  // The last two characters hold the version and bits of the checksum; a wrong version is told apart.
  for (let index = 0; index < 54; index++) {
    const wrong = `${VALID.slice(0, index)}${VALID[index] === 'a' ? 'b' : 'a'}${VALID.slice(index + 1)}`;
    assert.match(onionAddressProblem(wrong) ?? '', /checksum/, wrong);
  }
});

test('a version other than 3 is named', () => {
  assert.match(onionAddressProblem(VALID.replace('qad.', 'qae.')) ?? '', /version 4/);
});

test('a length that is wrong is named, and version 2 is told to be retired', () => {
  assert.match(onionAddressProblem(VALID.slice(1)) ?? '', /55 characters .* where 56 belong/);
  assert.match(onionAddressProblem('.onion') ?? '', /0 characters/);
  assert.match(onionAddressProblem('expyuzz4wqqyqhjn.onion') ?? '', /version 2, which Tor no longer supports/);
});

test('a character outside base32 is named', () => {
  assert.match(onionAddressProblem(VALID.replace('dns4', 'dns1')) ?? '', /'1' is not among/);
});
