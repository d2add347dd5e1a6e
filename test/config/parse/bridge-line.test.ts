import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBridgeLine } from '../../../src/config/parse/bridge-line.ts';

const FINGERPRINT = '0123456789ABCDEF0123456789abcdef01234567';
const CERT = `cert=${'Aa0+/'.repeat(14)}`;
const URL_ARGUMENT = 'url=https://canary.example/path';

/** Lines, and the line that goes into the torrc; `same` if it is the line itself. */
const TAKEN: readonly (readonly [line: string, torrc: string])[] = [
  ['192.0.2.10:9001', 'same'],
  [`192.0.2.10:9001 ${FINGERPRINT}`, 'same'],
  [`[2001:db8::10]:443 ${FINGERPRINT}`, 'same'],
  [`vanilla 192.0.2.10:9001 ${FINGERPRINT}`, `192.0.2.10:9001 ${FINGERPRINT}`],
  [`obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT} iat-mode=0`, 'same'],
  [`  Bridge   obfs4\t[2001:db8::10]:65535 ${CERT} iat-mode=2 `, `obfs4 [2001:db8::10]:65535 ${CERT} iat-mode=2`],
  [`bridge 192.0.2.10:1 ${FINGERPRINT}`, `192.0.2.10:1 ${FINGERPRINT}`],
  [`meek_lite 192.0.2.20:80 ${URL_ARGUMENT} front=front.example`, 'same'],
  [`snowflake 192.0.2.3:80 ${FINGERPRINT} ${URL_ARGUMENT} ice=stun:stun.example:3478,stun:b.example:3478`, 'same'],
  ['snowflake 192.0.2.3:80 sqsqueue=https://sqs.example/q sqscreds=YWJj ice=stun:stun.example:3478', 'same'],
  [`webtunnel [2001:db8::10]:443 ${FINGERPRINT} ${URL_ARGUMENT} ver=0.0.1`, 'same'],
  ['dust 192.0.2.10:443 any=thing', 'same'],
];

test('a line of each transport is taken, with or without the word Bridge', () => {
  for (const [line, torrc] of TAKEN) {
    const parsed = parseBridgeLine(line);
    assert.ok('value' in parsed, line);
    assert.equal(parsed.value.toTorrc(), torrc === 'same' ? line : torrc);
  }
});

const REFUSED: Readonly<Record<string, string>> = {
  'no address': `obfs4 ${FINGERPRINT} ${CERT} iat-mode=0`,
  'nothing but a transport': 'obfs4',
  'nothing but the word Bridge': 'Bridge',
  'a host name': `obfs4 canary.example:443 ${CERT} iat-mode=0`,
  'an address without a port': `192.0.2.10 ${FINGERPRINT}`,
  'an IPv6 address without brackets': `2001:db8::10:443 ${FINGERPRINT}`,
  'an IPv4 address in brackets': `[192.0.2.10]:443 ${FINGERPRINT}`,
  'an IPv6 address with an interface': `[fe80::10%eth0]:443 ${FINGERPRINT}`,
  'port 0': `192.0.2.10:0 ${FINGERPRINT}`,
  'port 65536': `192.0.2.10:65536 ${FINGERPRINT}`,
  'a fingerprint of 39 digits': `192.0.2.10:443 ${FINGERPRINT.slice(1)}`,
  'a fingerprint with another letter': `192.0.2.10:443 ${FINGERPRINT.replace('0', 'G')}`,
  'a fingerprint with a dollar sign': `192.0.2.10:443 $${FINGERPRINT}`,
  'a fingerprint in groups': `192.0.2.10:443 ${FINGERPRINT.replaceAll(/.{4}(?=.)/g, '$& ')}`,
  'a fingerprint after the arguments': `obfs4 192.0.2.10:443 ${CERT} iat-mode=0 ${FINGERPRINT}`,
  'an argument without =': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT} iat-mode=0 canary`,
  'an argument without a key': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT} iat-mode=0 =canary`,
  'an argument without a value': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT} iat-mode=0 canary=`,
  'a line break': `192.0.2.10:443\n${FINGERPRINT}`,
  'a carriage return': `192.0.2.10:443\r${FINGERPRINT}`,
  'a terminal escape': `192.0.2.10:443 ${FINGERPRINT} \u001B[31m`,
  'a no-break space': `192.0.2.10:443\u00A0${FINGERPRINT}`,
  'a double quote': `webtunnel 192.0.2.10:443 "${URL_ARGUMENT}"`,
  'a single quote': `webtunnel 192.0.2.10:443 '${URL_ARGUMENT}'`,
  'a backslash': `${TAKEN[4]?.[0]} \\`,
  'a comment, which tor would cut off': `webtunnel 192.0.2.10:443 ${URL_ARGUMENT}#canary`,
  'a line of 1025 characters': `192.0.2.10:443 ${FINGERPRINT}${' '.repeat(970)}`,
  'obfs4 without cert': `obfs4 192.0.2.10:443 ${FINGERPRINT} iat-mode=0`,
  'obfs4 with a cut cert': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT.slice(0, -1)} iat-mode=0`,
  'obfs4 with a padded cert': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT}== iat-mode=0`,
  'obfs4 without iat-mode': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT}`,
  'obfs4 with iat-mode 3': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT} iat-mode=3`,
  'obfs4 with iat-mode 00': `obfs4 192.0.2.10:443 ${FINGERPRINT} ${CERT} iat-mode=00`,
  'meek_lite without url': 'meek_lite 192.0.2.20:80 front=canary.example',
  'snowflake without url': `snowflake 192.0.2.3:80 ${FINGERPRINT} ice=stun:canary.example:3478`,
  'snowflake without ice': `snowflake 192.0.2.3:80 ${FINGERPRINT} ${URL_ARGUMENT}`,
  'webtunnel without url': `webtunnel 192.0.2.10:443 ${FINGERPRINT} ver=0.0.1`,
  'a url that is none': 'webtunnel 192.0.2.10:443 url=canary.example',
  'a url of another scheme': 'webtunnel 192.0.2.10:443 url=wss://canary.example',
  'a vanilla bridge with arguments': `192.0.2.10:443 ${FINGERPRINT} canary=1`,
  'a vanilla bridge with arguments and no fingerprint': '192.0.2.10:443 canary=1',
};

/** Words that a problem may use. */
const NAMES: ReadonlySet<string> = new Set(['snowflake', 'meek_lite', 'webtunnel', 'iat-mode']);

/** The parts of a line that a problem must not repeat. */
function secretsOf(line: string): readonly string[] {
  return line.split(/[\s=:/[\],]+/).filter((part) => part.length > 6 && !NAMES.has(part));
}

for (const [what, line] of Object.entries(REFUSED)) {
  test(`refuses ${what}, without quoting the line`, () => {
    const parsed = parseBridgeLine(line);
    assert.ok('problem' in parsed);
    const text = `${parsed.problem} ${parsed.remedy}`;
    for (const secret of [...secretsOf(line), 'canary']) assert.ok(!text.includes(secret), text);
  });
}

test('arguments may have as many bytes as two fields of a SOCKS request, with the escapes that tor adds', () => {
  const fill = (bytes: number): string => `dust 192.0.2.10:443 a=1 b=${'x'.repeat(bytes - 'a=1;b='.length)}`;
  assert.ok('value' in parseBridgeLine(fill(510)));
  assert.ok('problem' in parseBridgeLine(fill(511)));
  assert.ok('problem' in parseBridgeLine(fill(510).replace('xx', ';x')));
});
