import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAltSvc } from '../../../src/upstream/alt-svc/alt-svc-field.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';

const ONION = createOnionKey().address;
const OTHER = createOnionKey().address;
const DAY_SECONDS = 86_400;
const plain = { host: ONION, port: 443, maxAgeSeconds: DAY_SECONDS, persist: false };

function parse(fieldValue: string): ReturnType<typeof parseAltSvc> {
  return parseAltSvc(fieldValue.replaceAll('ONION', ONION).replaceAll('OTHER', OTHER));
}

test('an alternative at an onion is parsed with its port, lifetime and persistence', () => {
  assert.deepEqual(parse('h2="ONION:8443"; ma=3600; persist=1'), [
    { host: ONION, port: 8443, maxAgeSeconds: 3600, persist: true },
  ]);
});

test('an alternative without parameters is fresh for a day and does not persist', () => {
  assert.deepEqual(parse('h2="ONION:443"'), [plain]);
});

test('a field with ten onions gives ten alternatives in the same order', () => {
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
  ['labels before the address', 'h2="www.ONION:443"'],
  ['persist with a value other than 1', 'h2="ONION:443"; persist=2'],
  ['alternatives of other protocols', 'h3="ONION:443", h2="ONION:443", http%2F1.1="OTHER:80"'],
  ['alternatives at other hosts', 'h2=":443", h2="alt.example:443", h2="[::1]:443", h2="ONION:443"'],
  ['malformed members', 'h2, h2=OTHER:443, =":443", "h2"="OTHER:443", h2="ONION:443"'],
];

for (const [what, header] of READ) {
  test(`${what}: the valid alternative is parsed`, () => assert.deepEqual(parse(header), [plain]));
}

const IGNORED: readonly (readonly [string, string])[] = [
  ['an empty value', ''],
  ['another encoding of h2', '%682="ONION:443"'],
  ['h2 in upper case', 'H2="ONION:443"'],
  ['an unterminated string', 'h2="alt.example:443, h2="ONION:443'],
  ['a string with an escaped quote', 'x="\\", h2="ONION:443", y="'],
  ['commas within a string', '"x, h2=\\"ONION:443\\", y"'],
  [
    'an address that fails its checksum',
    `h2="${ONION.slice(0, 10)}${ONION[10] === 'a' ? 'b' : 'a'}${ONION.slice(11)}:443"`,
  ],
  ['a version 2 address', 'h2="expyuzz4wqqyqhjn.onion:443"'],
  ['port 0', 'h2="ONION:0"'],
  ['a port above 65535', 'h2="ONION:65536"'],
  ['no port', 'h2="ONION"'],
  ['a lifetime that is not a number', 'h2="ONION:443"; ma=long'],
  ['a negative lifetime', 'h2="ONION:443"; ma=-1'],
  ['clear in capitals', 'CLEAR'],
];

for (const [what, header] of IGNORED) {
  test(`${what}: no alternative is parsed`, () => assert.deepEqual(parse(header), []));
}

test('clear differs from an empty value, and overrides alternatives beside it', () => {
  assert.equal(parse('clear'), 'clear');
  assert.equal(parse('h2="ONION:443", clear'), 'clear');
});

test('at most sixteen alternatives are parsed, and none from a value above 16 KiB', () => {
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
