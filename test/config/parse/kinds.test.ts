import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OptionKind, parseValue } from '../../../src/config/parse/kinds.ts';
import type { UpstreamUrl } from '../../../src/config/parse/upstream/upstream-url.ts';

const ONION = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion';
const PIN = `sha256/${'A'.repeat(43)}=`;

const ACCEPTED: readonly (readonly [OptionKind, string, unknown])[] = [
  ['listen-address', 'localhost', 'localhost'],
  ['listen-address', '[::1]', '::1'],
  ['listen-address', '0.0.0.0', '0.0.0.0'],
  ['listen-address', '[fe80::1%eth0]', 'fe80::1%eth0'],
  ['listen-address', '169.254.1.1', '169.254.1.1'],
  ['listen-address', 'fec0::1', 'fec0::1'],
  ['metrics-address', 'localhost:', { kind: 'tcp', host: 'localhost', port: undefined }],
  ['metrics-address', 'localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
  ['metrics-address', '127.0.0.1:9090', { kind: 'tcp', host: '127.0.0.1', port: 9090 }],
  ['metrics-address', '[::]:65535', { kind: 'tcp', host: '::', port: 65_535 }],
  ['metrics-address', '[fe80::1%eth0]:9053', { kind: 'tcp', host: 'fe80::1%eth0', port: 9053 }],
  ['metrics-address', 'unix:/run/dns4tor/metrics', { kind: 'unix', path: '/run/dns4tor/metrics' }],
  ['socks-address', 'auto', { kind: 'auto' }],
  ['socks-address', 'managed', { kind: 'managed' }],
  ['socks-address', 'localhost:9050', { kind: 'tcp', host: 'localhost', port: 9050 }],
  ['socks-address', '[::1]:9150', { kind: 'tcp', host: '::1', port: 9150 }],
  ['socks-address', 'unix:/run/tor/socks', { kind: 'unix', path: '/run/tor/socks' }],
  ['control-address', 'auto', { kind: 'auto' }],
  ['control-address', 'none', { kind: 'none' }],
  ['control-address', 'localhost:9051', { kind: 'tcp', host: 'localhost', port: 9051 }],
  ['control-address', '[::1]:9051', { kind: 'tcp', host: '::1', port: 9051 }],
  ['control-address', 'unix:/run/tor/control', { kind: 'unix', path: '/run/tor/control' }],
  ['host-name', 'Resolver.Example', 'resolver.example'],
  ['host-name', '192.0.2.1', '192.0.2.1'],
  ['pin', PIN, PIN],
  ['torrc-line', 'ExcludeNodes {de},{us}', 'ExcludeNodes {de},{us}'],
  ['boolean', 'false', false],
  ['log-level', 'debug', 'debug'],
  ['program', 'tor', 'tor'],
  ['program', process.execPath, process.execPath],
  ['text', 'anything', 'anything'],
];

for (const [kind, text, value] of ACCEPTED) {
  test(`${kind} takes ${text}`, () => assert.deepEqual(parseValue(kind, text, {}), { value }));
}

const UPSTREAMS: readonly (readonly [string, Omit<UpstreamUrl, 'chainHashes'>])[] = [
  [
    `https://${ONION.toUpperCase()}/dns-query`,
    { protocol: 'https', url: `https://${ONION}/dns-query`, host: ONION, port: 443 },
  ],
  [
    'https://[2001:db8::1]:8443/q',
    { protocol: 'https', url: 'https://[2001:db8::1]:8443/q', host: '2001:db8::1', port: 8443 },
  ],
  [`tls://${ONION.toUpperCase()}`, { protocol: 'tls', url: `tls://${ONION}`, host: ONION, port: 853 }],
  [
    'tls://Resolver.Example:443/',
    { protocol: 'tls', url: 'tls://resolver.example:443', host: 'resolver.example', port: 443 },
  ],
  [
    'tls://bücher.example',
    { protocol: 'tls', url: 'tls://xn--bcher-kva.example', host: 'xn--bcher-kva.example', port: 853 },
  ],
  ['tcp://[2001:DB8::1]:53', { protocol: 'tcp', url: 'tcp://[2001:db8::1]', host: '2001:db8::1', port: 53 }],
  ['tcp://192.0.2.1:5053', { protocol: 'tcp', url: 'tcp://192.0.2.1:5053', host: '192.0.2.1', port: 5053 }],
];

for (const [text, value] of UPSTREAMS) {
  test(`an upstream URL is parsed, with its protocol's port and a lower-case host: ${text}`, () => {
    assert.deepEqual(parseValue('upstream-url', text, {}), { value: { ...value, chainHashes: [] } });
  });
}

const REFUSED: readonly (readonly [OptionKind, string, RegExp])[] = [
  ['listen-address', 'example.com', /is neither an IP address/],
  ['listen-address', '127.0.0.1:53', /includes a port/],
  ['listen-address', '300.0.0.1', /is neither an IP address/],
  ['listen-address', 'fe80::1', /write fe80::1%eth0/],
  ['listen-address', 'febf::1', /write febf::1%eth0/],
  ['metrics-address', '[fe80::1]:', /write \[fe80::1%eth0\]:/],
  ['cidr', 'fe80::1%eth0/64', /remove '%eth0'/],
  ['metrics-address', '9090', /has no port/],
  ['metrics-address', '[::1]', /has no port/],
  ['metrics-address', '::1:9090', /\[brackets\]/],
  ['metrics-address', ':9090', /does not begin with an IP address/],
  ['metrics-address', 'example.com:9090', /does not begin with an IP address/],
  ['metrics-address', '127.0.0.1:65536', /0 to 65535/],
  ['metrics-address', '127.0.0.1:x', /0 to 65535/],
  ['metrics-address', 'unix:metrics', /has no absolute path/],
  ['metrics-address', `unix:/${'x'.repeat(107)}`, /too long/],
  ['socks-address', 'socks5://127.0.0.1:9050', /is a URL/],
  ['socks-address', 'tor:9050', /does not begin with an IP address/],
  ['socks-address', '127.0.0.1:', /has no port; Tor usually listens on 9050/],
  ['socks-address', 'unix:run/tor', /has no absolute path/],
  ['socks-address', `unix:/${'x'.repeat(107)}`, /too long for a socket/],
  ['control-address', 'managed', /has no port; .*unix:\/path, auto and none/],
  ['control-address', '127.0.0.1:', /has no port; .*9051/],
  ['control-address', '192.168.1.1:9051', /is on another machine/],
  ['control-address', 'unix:control', /has no absolute path; .* unix:\/run\/tor\/control/],
  ['onion-auth-file', '/nonexistent/x.auth_private', /cannot be read: no such file/],
  ['upstream-url', 'dns.example/dns-query', /is not a URL/],
  ['upstream-url', 'dns.example:443/dns-query', /is not a URL/],
  ['upstream-url', 'http://dns.example/', /unsupported protocol; use https/],
  ['upstream-url', 'tls://dns.example/dns-query', /only https:\/\/ uses; remove '\/dns-query'/],
  ['upstream-url', 'tls://dns.example?a=b', /remove '\?a=b'/],
  ['upstream-url', 'tcp://dns.example/?a=b', /remove '\/\?a=b'/],
  ['upstream-url', 'tls://dns.example#top', /fragment, .* remove '#top'/],
  ['upstream-url', 'tls:///path', /has no host; write tls:\/\/resolver\.example/],
  ['upstream-url', 'tls://dns.example:0', /port 0/],
  ['upstream-url', 'tls://dns.example:65536', /is not a URL/],
  ['upstream-url', `tcp://${ONION.replace('dns4', 'dns5')}`, /checksum/],
  ['upstream-url', 'https://dns.example/q?a=b', /remove '\?a=b'/],
  ['upstream-url', 'https://dns.example/q{?dns}', /remove '\{\?dns\}'/],
  ['upstream-url', 'https://dns.example/q#top', /fragment, .* remove '#top'/],
  ['upstream-url', 'https://dns.example:0/q', /port 0/],
  ['upstream-url', `https://${ONION.replace('dns4', 'dns5')}/dns-query`, /checksum/],
  ['upstream-url', 'https://expyuzz4wqqyqhjn.onion/', /version 2/],
  ['host-name', '*.example', /is not a host name/],
  ['host-name', 'a..b', /is not a host name/],
  ['host-name', `${'a.'.repeat(126)}ab`, /is not a host name/],
  ['pin', `sha1/${'A'.repeat(27)}=`, /is not a pin/],
  ['pin', `sha256/${'A'.repeat(42)}=`, /is not a pin/],
  ['torrc-line', 'ExcludeNodes', /is not a torrc line/],
  ['boolean', 'yes', /neither true nor false/],
  ['log-level', 'trace', /choose one of debug, info, warn, error, fatal/],
  ['log-format', 'JSON', /choose one of default, json/],
  ['program', '/nonexistent/tor', /cannot be run: no such file/],
  ['program', '/', /is not a program/],
  ['append-file', '/nonexistent/dns4tor.log', /cannot be written: no such file/],
  ['append-file', '/', /is a directory/],
  ['certificate-file', '/nonexistent/ca.pem', /cannot be read: no such file/],
  ['certificate-file', '/', /is not a file/],
  ['text', '', /value is empty/],
];

for (const [kind, text, problem] of REFUSED) {
  test(`${kind} refuses '${text}'`, () => {
    const parsed = parseValue(kind, text, {});
    assert.match('problem' in parsed ? `${parsed.problem}; ${parsed.remedy}` : 'no problem', problem);
  });
}

test('a URL with a password is refused without repeating the password', () => {
  for (const protocol of ['https', 'tls']) {
    const parsed = parseValue('upstream-url', `${protocol}://me:secret@dns.example/`, {});
    assert.match(
      'problem' in parsed ? parsed.problem : '',
      new RegExp(`^'${protocol}://dns\\.example/' holds a user name or password`),
    );
  }
});
