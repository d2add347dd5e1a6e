import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDnsStamp, STAMP_SCHEME } from '../../../../src/config/parse/upstream/dns-stamp.ts';
import { parseUpstreamUrl } from '../../../../src/config/parse/upstream/upstream-url.ts';

// From the lists of dnscrypt.info (v3, July 2026), and an example of dnscrypt.info for each other protocol.
const REAL = [
  [
    'quad9-doh-ip4-port443-filter-pri',
    'sdns://AgMAAAAAAAAABzkuOS45LjkgsBkgdEu7dsmrBT4B4Ht-BQ5HPSD3n3vqQ1-v5DydJC8SZG5zOS5xdWFkOS5uZXQ6NDQzCi9kbnMtcXVlcnk',
    'https://dns9.quad9.net/dns-query',
    ['b01920744bbb76c9ab053e01e07b7e050e473d20f79f7bea435fafe43c9d242f'],
  ],
  [
    'cloudflare',
    'sdns://AgcAAAAAAAAABzEuMC4wLjEAEmRucy5jbG91ZGZsYXJlLmNvbQovZG5zLXF1ZXJ5',
    'https://dns.cloudflare.com/dns-query',
    [],
  ],
  [
    'google',
    'sdns://AgUAAAAAAAAABzguOC44LjggalBisNF41VbxY7E7Gw8ZQ10CWIKRzHVYnf7m6xHI1cMHOC44LjguOAovZG5zLXF1ZXJ5',
    'https://8.8.8.8/dns-query',
    ['6a5062b0d178d556f163b13b1b0f19435d02588291cc75589dfee6eb11c8d5c3'],
  ],
  [
    'onion-cloudflare',
    'sdns://AgcAAAAAAAAAAAA-ZG5zNHRvcnBubGZzMmlmdXoyczJ5ZjNmYzdyZG1zYmhtNnJ3NzVldWozNXBhYzZhcDI1emdxYWQub25pb24KL2Rucy1xdWVyeQ',
    'https://dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion/dns-query',
    [],
  ],
] as const;

for (const [name, stamp, url, chainHashes] of REAL) {
  test(`the public stamp ${name} names the URL and the hashes, not the address`, () => {
    const parsed = parseUpstreamUrl(stamp);
    assert.ok('value' in parsed);
    assert.deepEqual([parsed.value.url, parsed.value.chainHashes], [url, chainHashes]);
  });
}

const OTHER_PROTOCOLS = [
  ['plain DNS', 'sdns://AAcAAAAAAAAACTEyNy4wLjAuMQ'],
  [
    'DNSCrypt',
    'sdns://AQMAAAAAAAAADDc4LjQ3LjY0LjE2MSATJeLOABXNSYcSJIoqR5_iUYz87Y4OecMLB84aEAKPrRBkbnNmb3JmYW1pbHkuY29t',
  ],
  ['Oblivious DoH target', 'sdns://BQcAAAAAAAAAD2FkbDAxLmRuc2NyeS5wdAovZG5zLXF1ZXJ5'],
  ['DNSCrypt relay', 'sdns://gRMxMDIuMjA5LjIxLjE3Njo4NDQz'],
  ['Oblivious DoH relay', 'sdns://hQcAAAAAAAAAAAAab2RvaC1yZWxheS5lZGdlY29tcHV0ZS5hcHABLw'],
] as const;

test('stamps of other protocols are refused, each for its own reason', () => {
  const problems = OTHER_PROTOCOLS.map(([, stamp]) => {
    const parsed = parseDnsStamp(stamp);
    assert.ok('problem' in parsed);
    return parsed.problem.replace(stamp, '');
  });
  assert.equal(new Set(problems).size, OTHER_PROTOCOLS.length);
});

interface Fields {
  readonly protocol: number;
  readonly properties: Uint8Array;
  readonly address: string;
  readonly hashes: readonly Uint8Array[];
  readonly host: string;
  readonly path?: string;
  readonly bootstraps?: readonly string[];
}

/** Encodes a stamp, by the specification. */
function encode(fields: Fields): Buffer {
  const sized = (item: Uint8Array, flag = 0): Buffer => Buffer.concat([Buffer.from([item.length | flag]), item]);
  const setOf = (items: readonly Uint8Array[]): Buffer =>
    items.length === 0
      ? Buffer.from([0])
      : Buffer.concat(items.map((item, index) => sized(item, index === items.length - 1 ? 0 : 0x80)));
  return Buffer.concat([
    Buffer.from([fields.protocol]),
    fields.properties,
    sized(Buffer.from(fields.address)),
    setOf(fields.hashes),
    sized(Buffer.from(fields.host)),
    ...(fields.path === undefined ? [] : [sized(Buffer.from(fields.path))]),
    ...(fields.bootstraps === undefined ? [] : [setOf(fields.bootstraps.map((one) => Buffer.from(one)))]),
  ]);
}

const toStamp = (bytes: Buffer): string => `${STAMP_SCHEME}${bytes.toString('base64url')}`;

const PROPERTIES = fc.uint8Array({ minLength: 8, maxLength: 8 });
const HASHES = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 3 });
const BOOTSTRAPS = fc.option(fc.array(fc.ipV4(), { minLength: 1, maxLength: 3 }), { nil: undefined });
const HOST = fc.tuple(fc.domain(), fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }));

const STAMPED = fc.record({
  properties: PROPERTIES,
  address: fc.ipV4(),
  hashes: HASHES,
  host: HOST,
  bootstraps: BOOTSTRAPS,
});

test('every DoH and DoT stamp gives its host, path and hashes back, whatever its properties and addresses', () => {
  fc.assert(
    fc.property(STAMPED, fc.boolean(), ({ properties, address, hashes, host: [domain, port], bootstraps }, isDoh) => {
      const host = port === undefined ? domain : `${domain}:${port}`;
      const fields = {
        protocol: isDoh ? 2 : 3,
        properties,
        address,
        hashes,
        host,
        ...(isDoh ? { path: '/q' } : {}),
        ...(bootstraps === undefined ? {} : { bootstraps }),
      };
      assert.deepEqual(parseDnsStamp(toStamp(encode(fields))), {
        value: {
          url: isDoh ? `https://${host}/q` : `tls://${host}`,
          chainHashes: hashes.map((hash) => Buffer.from(hash).toString('hex')),
        },
      });
    }),
  );
});

const WHOLE: Fields = {
  protocol: 2,
  properties: Buffer.alloc(8),
  address: '192.0.2.1',
  hashes: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)],
  host: 'resolver.example',
  path: '/dns-query',
};

test('a stamp that was cut off, or has bytes behind its end, is refused', () => {
  const whole = encode(WHOLE);
  for (let length = 0; length < whole.length; length++) {
    assert.ok('problem' in parseDnsStamp(toStamp(whole.subarray(0, length))), `${length} bytes`);
  }
  assert.ok('problem' in parseDnsStamp(toStamp(Buffer.concat([whole, Buffer.from([1, 65, 0])]))));
});

test('text that is not the one base64url encoding is refused', () => {
  const stamp = toStamp(encode(WHOLE));
  for (const text of [`${stamp}=`, `${stamp}%`, ` ${stamp}`, stamp.replace('A', '+'), STAMP_SCHEME]) {
    assert.ok('problem' in parseUpstreamUrl(text), text);
  }
});

test('a hash of another length is refused, because it could never match', () => {
  assert.ok('problem' in parseDnsStamp(toStamp(encode({ ...WHOLE, hashes: [Buffer.alloc(20)] }))));
});

test('a host that a URL parser would read as more than a host is refused', () => {
  for (const host of [
    '',
    'good.example@evil.example',
    'a.example/b',
    'a.example?',
    'a.example#',
    'a%2eb',
    'a b',
    'a\\b',
  ]) {
    assert.ok('problem' in parseDnsStamp(toStamp(encode({ ...WHOLE, host }))), host);
  }
  for (const host of ['a.example:0', 'a.example:99999', 'a:b:c']) {
    assert.ok('problem' in parseUpstreamUrl(toStamp(encode({ ...WHOLE, host }))), host);
  }
});

test('a host name in Unicode is looked up in ASCII', () => {
  const parsed = parseUpstreamUrl(toStamp(encode({ ...WHOLE, host: 'bücher.example' })));
  assert.ok('value' in parsed);
  assert.equal(parsed.value.host, 'xn--bcher-kva.example');
});

test('a path that does not begin with a slash is refused, and one that is missing is the usual one', () => {
  assert.ok('problem' in parseDnsStamp(toStamp(encode({ ...WHOLE, path: 'dns-query' }))));
  const parsed = parseUpstreamUrl(toStamp(encode({ ...WHOLE, path: '' })));
  assert.ok('value' in parsed);
  assert.equal(parsed.value.url, 'https://resolver.example/dns-query');
});

test('no bytes make the parser throw', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseUpstreamUrl(toStamp(Buffer.from(bytes)))));
});
