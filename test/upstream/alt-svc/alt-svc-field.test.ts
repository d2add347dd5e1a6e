import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAltSvc } from '../../../src/upstream/alt-svc/alt-svc-field.ts';
import { createOnionKey } from '../../fixtures/onion-key.ts';

const ONION = createOnionKey().address;
const OTHER = createOnionKey().address;
const DAY_SECONDS = 86_400;
const plain = { host: ONION, port: 443, maxAgeSeconds: DAY_SECONDS, persist: false };

function parse(fieldValue: string): ReturnType<typeof parseAltSvc> {
  return parseAltSvc(fieldValue.replaceAll('ONION', ONION).replaceAll('OTHER', OTHER));
}

test('an alternative at an onion is read with its port, life and persistence', () => {
  assert.deepEqual(parse('h2="ONION:8443"; ma=3600; persist=1'), [
    { host: ONION, port: 8443, maxAgeSeconds: 3600, persist: true },
  ]);
});

test('without parameters an alternative is fresh for a day and does not persist', () => {
  assert.deepEqual(parse('h2="ONION:443"'), [plain]);
});

test('a header of ten onions gives ten alternatives in its order', () => {
  const onions = Array.from({ length: 10 }, () => createOnionKey().address);
  const header = onions.map((onion) => `h2="${onion}:443"; ma=86400; persist=1`).join(', ');
  const alternatives = parseAltSvc(header);
  assert.ok(alternatives !== 'clear');
  assert.deepEqual(
    alternatives.map(({ host }) => host),
    onions,
  );
});

const READ: readonly (readonly [string, string])[] = [
  ['space around separators', ' h2="ONION:443" ;\tma=86400 ,'],
  ['empty list members', ', ,h2="ONION:443",,'],
  ['an unknown parameter', 'h2="ONION:443"; v="46,47;x=\\"y\\""; ma=86400'],
  ['a malformed parameter', 'h2="ONION:443"; nonsense; ma=86400'],
  ['quoted parameters', 'h2="ONION:443"; ma="86400"'],
  ['upper case in parameter names', 'h2="ONION:443"; MA=86400'],
  ['escapes in quoted strings', 'h2="ONION\\:4\\43"'],
  ['upper case in the address', `h2="${ONION.toUpperCase()}:443"`],
  ['labels in front of the address', 'h2="www.ONION:443"'],
  ['persist with another value than 1', 'h2="ONION:443"; persist=2'],
  ['alternatives of other protocols', 'h3="ONION:443", h2="ONION:443", http%2F1.1="OTHER:80"'],
  ['alternatives at other hosts', 'h2=":443", h2="alt.example:443", h2="[::1]:443", h2="ONION:443"'],
  ['malformed members', 'h2, h2=OTHER:443, =":443", "h2"="OTHER:443", h2="ONION:443"'],
];

for (const [what, header] of READ) {
  test(`${what}: the alternative beside or within is read`, () => assert.deepEqual(parse(header), [plain]));
}

const IGNORED: readonly (readonly [string, string])[] = [
  ['an empty value', ''],
  ['a second way to write h2', '%682="ONION:443"'],
  ['h2 in upper case', 'H2="ONION:443"'],
  ['a string without an end', 'h2="alt.example:443, h2="ONION:443'],
  ['a string with an escaped quote', 'x="\\", h2="ONION:443", y="'],
  ['commas within a string', '"x, h2=\\"ONION:443\\", y"'],
  [
    'an address that fails its checksum',
    `h2="${ONION.slice(0, 10)}${ONION[10] === 'a' ? 'b' : 'a'}${ONION.slice(11)}:443"`,
  ],
  ['an address of version 2', 'h2="expyuzz4wqqyqhjn.onion:443"'],
  ['port 0', 'h2="ONION:0"'],
  ['a port that is too high', 'h2="ONION:65536"'],
  ['no port', 'h2="ONION"'],
  ['a life that is no number', 'h2="ONION:443"; ma=long'],
  ['a negative life', 'h2="ONION:443"; ma=-1'],
  ['clear in capitals', 'CLEAR'],
];

for (const [what, header] of IGNORED) {
  test(`${what}: nothing is read`, () => assert.deepEqual(parse(header), []));
}

test('clear is told apart from an empty value, beside alternatives too', () => {
  assert.equal(parse('clear'), 'clear');
  assert.equal(parse('h2="ONION:443", clear'), 'clear');
});

test('of more than sixteen alternatives the first sixteen are read, and none of a value above 16 KiB', () => {
  const alternatives = (count: number): string =>
    Array.from({ length: count }, (_, i) => `h2="${ONION}:${i + 1}"`).join(',');
  const read = parseAltSvc(alternatives(40));
  assert.ok(read !== 'clear');
  assert.deepEqual(
    read.map(({ port }) => port),
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
  assert.deepEqual(parse(`h2="ONION:443"; x=${'x'.repeat(16_384)}`), []);
});
