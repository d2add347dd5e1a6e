import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bridge, VANILLA } from '../../../src/model/bridge.ts';
import { createScrubber, SCRUBBED } from '../../../src/tor/process/scrub.ts';

const FINGERPRINT = '38460E14BA2E285EA7EF18B46073318402EAC3DB';
const ED25519 = 'TlmFLNCWfRsU+QUBKGdNbejHaTvxuzLFTOqxNdN+adU';
const CERT = `CANARYcert${'Aa0+/'.repeat(12)}`;

const BRIDGES = [
  { transport: VANILLA, host: '127.0.0.1', port: 37_401, args: [] },
  { transport: 'obfs4', host: '2001:db8::1', port: 13, args: [`cert=${CERT}`, 'iat-mode=0'] },
  {
    transport: 'meek_lite',
    host: '192.0.2.20',
    port: 80,
    args: ['url=https://meek.example:8443/meekpath', 'front=front.example', 'utls=hellochrome'],
  },
  {
    transport: 'snowflake',
    host: '192.0.2.3',
    port: 80,
    args: [
      'url=https://broker.example/',
      'fronts=one.example,two.example',
      'ice=stun:stun1.example:3478,stun:stun2.example:3478',
    ],
  },
].map((parts) => new Bridge({ ...parts, fingerprint: FINGERPRINT }));

/** Lines that tor 0.4.9.11 logged with SafeLogging, and what remains of them. */
const LINES: readonly (readonly [line: string, scrubbed: string])[] = [
  [
    `Problem bootstrapping. Stuck at 5% (conn): Connecting to a relay. (Connection refused; CONNECTREFUSED; count 11; recommendation warn; host ${FINGERPRINT} at 127.0.0.1:37401)`,
    'Problem bootstrapping. Stuck at 5% (conn): Connecting to a relay. (Connection refused; CONNECTREFUSED; count 11; recommendation warn; host [scrubbed] at [scrubbed])',
  ],
  [
    `Proxy Client: unable to connect OR connection (handshaking (proxy)) with 192.0.2.21:80 ID=<none> RSA_ID=${FINGERPRINT} ("general SOCKS server failure")`,
    'Proxy Client: unable to connect OR connection (handshaking (proxy)) with [scrubbed] ID=<none> RSA_ID=[scrubbed] ("general SOCKS server failure")',
  ],
  [
    `Tried connecting to router at 127.0.0.1:37401 ID=<none> RSA_ID=${FINGERPRINT}, but RSA + ed25519 identity keys were not as expected: wanted ${FINGERPRINT} + no ed25519 key but got A5CC0131FB4C872564A2AFBD2883C58813F3D8EA + ${ED25519}.`,
    'Tried connecting to router at [scrubbed] ID=<none> RSA_ID=[scrubbed], but RSA + ed25519 identity keys were not as expected: wanted [scrubbed] + no ed25519 key but got [scrubbed] + [scrubbed].',
  ],
  [
    'Managed proxy "/usr/bin/snowflake-client": broker failure dial tcp: lookup broker.example on [scrubbed]: no such host',
    'Managed proxy "/usr/bin/snowflake-client": broker failure dial tcp: lookup [scrubbed] on [scrubbed]: no such host',
  ],
  [
    'Received NETINFO cell with skewed time (OR:127.0.0.1:35655): It seems that our clock is behind by 2 days, 23 hours, 59 minutes, or that theirs is ahead.',
    'Received NETINFO cell with skewed time (OR:[scrubbed]): It seems that our clock is behind by 2 days, 23 hours, 59 minutes, or that theirs is ahead.',
  ],
  [
    `new bridge descriptor 'canarynick' (fresh): $${FINGERPRINT}~canarynick [${ED25519}] at 127.0.0.1`,
    'new bridge descriptor [scrubbed] (fresh): [scrubbed] [[scrubbed]] at [scrubbed]',
  ],
  [
    `Using requested exit node '$${FINGERPRINT}~${FINGERPRINT} at [2001:db8::1]'`,
    "Using requested exit node '[scrubbed] at [scrubbed]'",
  ],
  [
    'new conn type Directory, socket -1, address 2001:db8::1, n_conns 11.',
    'new conn type Directory, socket -1, address [scrubbed], n_conns 11.',
  ],
  [
    'Sent request to directory server [2001:db8::1]:13 (purpose: 6)',
    'Sent request to directory server [scrubbed] (purpose: 6)',
  ],
  [
    `init conn from address 2001:db8::1: ${FINGERPRINT}, <unset> (1)`,
    'init conn from address [scrubbed]: [scrubbed], <unset> (1)',
  ],
  [`1: cert=${CERT}`, '1: cert=[scrubbed]'],
  [`PT SOCKS5 arguments: cert=${CERT};iat-mode=0`, 'PT SOCKS5 arguments: cert=[scrubbed];iat-mode=0'],
  [
    'PT SOCKS5 arguments: url=https://broker.example/;fronts=one.example,two.example;ice=stun:stun1.example:3478,stun:stun2.example:3478',
    'PT SOCKS5 arguments: url=[scrubbed];fronts=[scrubbed];ice=[scrubbed]',
  ],
  ['Get "https://FRONT.example/": EOF', 'Get "https://[scrubbed]/": EOF'],
  ['post meek.example:8443 meekpath: EOF', 'post [scrubbed] [scrubbed]: EOF'],
  ['dial udp stun2.example: i/o timeout', 'dial udp [scrubbed]: i/o timeout'],
];

test('of the lines of a real tor, nothing is left that gives a bridge away', () => {
  const scrub = createScrubber(BRIDGES);
  for (const [line, scrubbed] of LINES) assert.equal(scrub(line), scrubbed);
});

const UNCHANGED = [
  'Tor 0.4.9.11 running on Linux with Libevent 2.1.12-stable, OpenSSL 3.0.19, Zlib 1.2.13 and Glibc 2.36 as libc.',
  'Bootstrapped 10% (conn_done): Connected to a relay',
  "Tor can't help you if you use it wrong! Learn how to be safe at https://support.torproject.org/faq/staying-anonymous/",
  'Managed proxy "/usr/bin/obfs4proxy" having PID 12182 terminated with status code 2',
  'Our clock is 3 days behind the time published in the consensus (2026-11-29 13:21:43 UTC).',
  'Set list of supported TLS groups to: P-256:X25519:P-224',
  'Clock skew -259200 in directory from DIRSERV',
  "Opening Socks listener on /var/lib/dns4tor/tor/socks with the plugin's utls=hellochrome and iat-mode=0",
];

test('other lines stay as they are', () => {
  const scrub = createScrubber(BRIDGES);
  for (const line of UNCHANGED) assert.equal(scrub(line), line);
});

test('without bridges, addresses and identities of relays are removed too', () => {
  const scrub = createScrubber([]);
  assert.equal(scrub(`host ${FINGERPRINT.toLowerCase()} at 198.51.100.7:9001`), `host ${SCRUBBED} at ${SCRUBBED}`);
  assert.equal(scrub('::1 fe80::1 [fe80::1]:80 2001:db8::192.0.2.1'), Array(4).fill(SCRUBBED).join(' '));
});

test('a part of an argument that is the beginning of another one leaves no rest', () => {
  const args = ['url=https://a.example/', 'front=a.example.net'];
  const bridge = new Bridge({ transport: 'meek_lite', host: '192.0.2.1', port: 1, fingerprint: undefined, args });
  assert.equal(createScrubber([bridge])('dial a.example.net and a.example'), `dial ${SCRUBBED} and ${SCRUBBED}`);
});
