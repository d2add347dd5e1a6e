import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-problem.ts';
import { loadSettings, type Sources } from '../../src/config/load.ts';
import { validate } from '../../src/config/validate.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const ONION = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion';

test('the defaults are those that the documentation promises', () => {
  assert.deepEqual(configOf({}), {
    addresses: ['localhost'],
    port: 53,
    allow: [],
    limits: {
      maxInFlight: 1024,
      maxInFlightPerClient: 256,
      tcpConnections: 150,
      tcpConnectionsPerClient: 20,
      tcpPipelined: 100,
      tcpIdleMs: 10_000,
      tcpMessageMs: 2000,
      tcpUnsentBytes: 64 * 1024,
    },
    upstreams: [
      {
        protocol: 'https',
        url: `https://${ONION}/dns-query`,
        host: ONION,
        port: 443,
        names: [ONION],
        namesThroughTor: ['tor.cloudflare-dns.com', 'cloudflare-dns.com'],
        onlyThroughTor: false,
        ca: undefined,
        pins: [],
        chainHashes: [],
        tlsMin: '1.3',
      },
    ],
    circuits: 3,
    circuitLifetimeMs: 600_000,
    altSvc: true,
    isolation: 'upstream',
    upstreamStrategy: 'order',
    udpIo: 'auto',
    metrics: { kind: 'tcp', host: 'localhost', port: undefined },
    metricsHosts: [],
    controlSocket: { kind: 'auto' },
    tor: {
      socks: { kind: 'auto' },
      control: { kind: 'auto' },
      onionAuths: [],
      binary: 'tor',
      bridges: [],
      transports: [],
      options: [],
    },
    encrypted: {
      dotAddresses: [],
      dotPort: 853,
      dohAddresses: [],
      dohPort: 443,
      dohPath: '/dns-query',
      dohPlain: undefined,
      tls: undefined,
    },
    routes: [],
    localAnswers: {
      undelegated: 'deny',
      hosts: [],
      names: [],
      blocklists: [],
      allowlists: [],
      blockAnswer: 'nxdomain',
      privateAnswers: 'block',
      privateAnswersFor: [],
    },
    cacheBytes: 16 * 1024 * 1024,
    maxStaleMs: 86_400_000,
    prefetch: true,
    timeoutMs: 10_000,
    log: { level: 'info', file: undefined, format: 'default' },
    bootstrapIgnored: false,
  } satisfies Config);
});

const CLOUDFLARE_NAMES = ['tor.cloudflare-dns.com', 'cloudflare-dns.com'];

test("a certificate must name the URL's host; the default resolver's public names are accepted through Tor or with a pin", () => {
  const upstream = [`https://dns.example/q,https://${ONION}:443/dns-query`];
  const names = (flags: Parameters<typeof configOf>[0]): unknown =>
    configOf({ upstream, ...flags }).upstreams.map((config) => [config.names, config.namesThroughTor]);
  assert.deepEqual(names({}), [
    [['dns.example'], []],
    [[ONION], CLOUDFLARE_NAMES],
  ]);
  assert.deepEqual(names({ 'upstream-pin': [`sha256/${'A'.repeat(43)}=`] }), [
    [['dns.example'], []],
    [[ONION, ...CLOUDFLARE_NAMES], []],
  ]);
  assert.deepEqual(names({ 'upstream-name': ['mine.example'] }), [
    [['mine.example'], []],
    [['mine.example'], []],
  ]);
});

test('only Tor authenticates plain DNS to an onion service, unless plaintext is allowed', () => {
  const upstream = [`tcp://${ONION},https://${ONION}`];
  const needTor = (flags: Parameters<typeof configOf>[0]): unknown =>
    configOf({ upstream, ...flags }).upstreams.map(({ onlyThroughTor }) => onlyThroughTor);
  assert.deepEqual(needTor({}), [true, false]);
  assert.deepEqual(needTor({ 'allow-plaintext-exit': ['true'] }), [false, false]);
});

test('names, authorities and pins apply to every upstream', async () => {
  await using directory = await createTemporaryDirectory();
  const ca = join(directory.path, 'ca.pem');
  const pin = `sha256/${'A'.repeat(43)}=`;
  writeFileSync(ca, rootCertificates[0] ?? '');
  const config = configOf({
    upstream: ['https://one.example/', `https://${ONION}/`],
    'upstream-name': ['resolver.example'],
    'upstream-ca': [ca],
    'upstream-pin': [pin],
  });
  for (const upstream of config.upstreams) {
    assert.deepEqual(upstream.names, ['resolver.example']);
    assert.deepEqual(upstream.pins, [pin]);
    assert.equal(upstream.ca, rootCertificates[0]);
  }
  assert.equal(config.upstreams.length, 2);
});

test('plain DNS to a host other than an onion service is refused unless it is allowed', () => {
  const upstream = ['tcp://192.0.2.1,tls://192.0.2.1', `tcp://${ONION}`, 'tcp://resolver.example:5053'];
  const problems = problemsOf({ flags: { upstream } });
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? '', /^--upstream tcp:\/\/192\.0\.2\.1: the exit relay.* --allow-plaintext-exit$/);
  assert.match(problems[1] ?? '', /^--upstream tcp:\/\/resolver\.example:5053: the exit relay/);
  assert.equal(configOf({ upstream, 'allow-plaintext-exit': ['true'] }).upstreams.length, 4);
});

test('the certificate hashes of a DNS stamp apply to its resolver only', () => {
  const stamp = 'sdns://AgUAAAAAAAAABzguOC44LjggalBisNF41VbxY7E7Gw8ZQ10CWIKRzHVYnf7m6xHI1cMHOC44LjguOAovZG5zLXF1ZXJ5';
  const { upstreams } = configOf({ upstream: [`${stamp},https://${ONION}/dns-query`] });
  assert.deepEqual(
    upstreams.map(({ url, chainHashes }) => [url, chainHashes.length]),
    [
      ['https://8.8.8.8/dns-query', 1],
      [`https://${ONION}/dns-query`, 0],
    ],
  );
});

test('TLS and HTTPS require a certificate, and TCP has none', () => {
  const { upstreams } = configOf({
    upstream: [`tls://resolver.example,tcp://${ONION}`],
    'upstream-name': ['a.example'],
  });
  assert.deepEqual(upstreams, [
    {
      protocol: 'tls',
      url: 'tls://resolver.example',
      host: 'resolver.example',
      port: 853,
      names: ['a.example'],
      namesThroughTor: [],
      onlyThroughTor: false,
      ca: undefined,
      pins: [],
      chainHashes: [],
      tlsMin: '1.3',
    },
    {
      protocol: 'tcp',
      url: `tcp://${ONION}`,
      host: ONION,
      port: 53,
      names: [],
      namesThroughTor: [],
      onlyThroughTor: true,
      ca: undefined,
      pins: [],
      chainHashes: [],
      tlsMin: '1.3',
    },
  ]);
});

test('a pin is refused together with an upstream that has no certificate', () => {
  const flags = { 'upstream-pin': [`sha256/${'A'.repeat(43)}=`], upstream: [`https://${ONION}/,tcp://${ONION}`] };
  assert.deepEqual(problemsOf({ flags }), [
    `--upstream-pin: tcp://${ONION} has no certificate whose key could match the pin; remove the pin or that upstream`,
  ]);
  assert.deepEqual(configOf({ ...flags, upstream: [`tls://${ONION}`] }).upstreams[0]?.pins, flags['upstream-pin']);
});

test('a repeated address is listed once', () => {
  assert.deepEqual(configOf({ address: ['127.0.0.1', '[::1],127.0.0.1'] }).addresses, ['127.0.0.1', '::1']);
});

test('RFC 5358 §4: an address other than loopback is refused without --allow', () => {
  for (const address of ['0.0.0.0', '192.0.2.1', '[::]', '2001:db8::1']) {
    assert.match(problemsOf({ flags: { address: [address] } }).join(), /^--address .*: anyone .*; .* with --allow/);
  }
  assert.equal(configOf({ address: ['127.0.0.2', '::1', 'localhost'] }).addresses.length, 3);
  assert.deepEqual(configOf({ address: ['192.0.2.1'], allow: ['192.0.2.0/24,2001:db8::/32', '203.0.113.7'] }).allow, [
    { address: '192.0.2.0', prefix: 24, family: 4 },
    { address: '2001:db8::', prefix: 32, family: 6 },
    { address: '203.0.113.7', prefix: 32, family: 4 },
  ]);
});

test('an invalid CIDR block is refused with its bounds', () => {
  for (const cidr of ['192.0.2.0/33', '192.0.2.0/', '192.0.2.0/8/8', '::/129', '192.0.2.0/-1']) {
    assert.match(problemsOf({ flags: { allow: [cidr] } }).join(), /has no valid prefix length; give 0 to/);
  }
  assert.match(problemsOf({ flags: { allow: ['everybody'] } }).join(), /does not begin with an IP address/);
});

test('--max-upstream-conns limits the circuits; 0 is unlimited, as in cloudflared', () => {
  assert.equal(configOf({ circuits: ['4'], 'max-upstream-conns': ['2'] }).circuits, 2);
  assert.equal(configOf({ circuits: ['4'], 'max-upstream-conns': ['0'] }).circuits, 4);
});

test('a control port is refused together with a managed tor', () => {
  const problems = problemsOf({ flags: { 'tor-socks': ['managed'], 'tor-control': ['127.0.0.1:9051'] } });
  assert.match(problems.join(), /^--tor-control: .* --tor-socks managed/);
  assert.equal(configOf({ 'tor-socks': ['managed'], 'tor-control': ['none'] }).tor.control.kind, 'none');
});

test("an onion service's key needs a Tor that can take it, and each service has at most one", async () => {
  await using directory = await createTemporaryDirectory();
  const [one, two] = [join(directory.path, 'one'), join(directory.path, 'two')];
  for (const path of [one, two]) {
    writeFileSync(path, `${ONION.slice(0, 56)}:descriptor:x25519:${'a'.repeat(52)}\n`, { mode: 0o600 });
  }
  const external = { 'tor-socks': ['127.0.0.1:9050'], 'onion-auth-file': [one] };
  assert.equal(configOf(external).tor.onionAuths[0]?.address, ONION.slice(0, 56));
  assert.match(problemsOf({ flags: { ...external, 'tor-control': ['none'] } }).join(), /ClientOnionAuthDir/);
  assert.equal(configOf({ 'tor-control': ['none'], 'onion-auth-file': [one] }).tor.onionAuths.length, 1);
  assert.deepEqual(problemsOf({ flags: { 'onion-auth-file': [one, two] } }), [
    `--onion-auth-file: two files hold a key for ${ONION}; remove one of them`,
  ]);
});

test('--isolate takes one of three words', () => {
  for (const isolation of ['none', 'client', 'upstream'] as const) {
    assert.equal(configOf({ isolate: [isolation] }).isolation, isolation);
  }
  assert.match(
    problemsOf({ flags: { isolate: ['user'] } }).join(),
    /^--isolate: 'user' .*; choose one of none, client, upstream/,
  );
});

test('--udp-io takes one of three words', () => {
  for (const udpIo of ['auto', 'batch', 'dgram'] as const) assert.equal(configOf({ 'udp-io': [udpIo] }).udpIo, udpIo);
  assert.match(
    problemsOf({ flags: { 'udp-io': ['fast'] } }).join(),
    /^--udp-io: 'fast' .*; choose one of auto, batch, dgram/,
  );
});

test('any bootstrap resolver is noted and ignored', () => {
  assert.equal(configOf({ bootstrap: ['https://1.1.1.1/dns-query'] }).bootstrapIgnored, true);
});

test('the configuration is deeply frozen', () => {
  const config = configOf({});
  const frozen = [
    config,
    config.addresses,
    config.upstreams,
    config.upstreams[0],
    config.upstreams[0]?.names,
    config.tor.socks,
  ];
  for (const value of frozen) assert.equal(Object.isFrozen(value), true);
});

test('all problems are reported at once, each with its place', () => {
  const problems = problemsOf({
    flags: { upstream: ['http://a.example/', 'https://b.example/?x'], 'cache-size': ['5GiB'] },
    env: { TUNNEL_DNS_PORT: '70000', DNS4TOR_LOGLEVEL: 'loud' },
  });
  assert.deepEqual(
    problems.map((problem) => problem.split(':')[0]),
    ['TUNNEL_DNS_PORT', '--upstream', '--upstream', '--cache-size', 'DNS4TOR_LOGLEVEL'],
  );
  assert.equal(problems[0], "TUNNEL_DNS_PORT: '70000' is out of range; give 0 to 65535");
});

test('problems of loading come before those of the values', () => {
  const loaded = loadSettings({ flags: { port: ['x'] }, env: {} });
  const error = thrownBy(() => validate({ ...loaded, problems: [{ problem: 'first' }] }));
  assert.deepEqual(error.problems[0], { problem: 'first' });
  assert.equal(error.problems.length, 2);
  assert.equal(error.code, 'ERR_CONFIG');
});

test('lists are bounded, and required ones may not be empty', () => {
  assert.deepEqual(problemsOf({ flags: { address: Array.from({ length: 17 }, (_, index) => `127.0.0.${index}`) } }), [
    '--address: 17 values; give at most 16',
  ]);
  assert.deepEqual(problemsOf({ flags: { upstream: [','] } }), [
    '--upstream: the value is empty; give a value, or remove the option',
  ]);
  assert.deepEqual(problemsOf({ flags: { port: [''] } }), [
    '--port: the value is empty; give a value, or remove the option',
  ]);
});

function configOf(flags: Sources['flags']): Config {
  return validate(loadSettings({ flags, env: {} }));
}

function problemsOf(sources: Partial<Sources>): readonly string[] {
  return thrownBy(() => validate(loadSettings({ flags: {}, env: {}, ...sources }))).problems.map(
    ({ problem, remedy }) => `${problem}; ${remedy}`,
  );
}

function thrownBy(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return assert.fail('nothing was thrown');
}

test('several servers of one suffix are one route, tried in the order in which they were given', () => {
  const { routes } = configOf({ route: ['lan=192.168.1.1', '192.168.1.0/24=192.168.1.1', 'LAN=[fd00::1]:5353'] });
  assert.deepEqual(routes, [
    {
      suffix: 'lan',
      zones: ['lan'],
      servers: [
        { host: '192.168.1.1', port: 53 },
        { host: 'fd00::1', port: 5353 },
      ],
    },
    { suffix: '192.168.1.0/24', zones: ['1.168.192.in-addr.arpa'], servers: [{ host: '192.168.1.1', port: 53 }] },
  ]);
});

test('routes stay on the local network unless --allow-public-routes', () => {
  const local = [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.1',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.1.1',
    '127.0.0.1',
    '[::1]',
    '[fd00::1]',
    '[fe80::1%eth0]',
  ];
  for (const address of local) assert.equal(configOf({ route: [`lan=${address}`] }).routes.length, 1, address);
  for (const address of ['1.1.1.1', '172.32.0.1', '100.128.0.1', '[2001:db8::1]', '[fec0::1]']) {
    const flags = { route: [`lan=${address}`] };
    assert.equal(problemsOf({ flags }).length, 1, address);
    assert.equal(configOf({ ...flags, 'allow-public-routes': ['true'] }).routes.length, 1, address);
  }
});

test('two routes cannot cover the same zone', () => {
  const server = '=192.168.1.1';
  assert.equal(problemsOf({ flags: { route: [`10.0.0.0/8${server}`, `10.in-addr.arpa${server}`] } }).length, 1);
  assert.equal(configOf({ route: [`10.0.0.0/8${server}`, `10.1.0.0/16${server}`] }).routes.length, 2);
});

test('--upstream-strategy shard needs two different upstreams', () => {
  const strategy = { 'upstream-strategy': ['shard'] };
  const url = 'https://one.example/dns-query';
  assert.equal(configOf({ ...strategy, upstream: [url, 'https://two.example/dns-query'] }).upstreamStrategy, 'shard');
  for (const upstream of [[url], [url, url]]) {
    assert.equal(problemsOf({ flags: { ...strategy, upstream } }).length, 1);
  }
  assert.equal(problemsOf({ flags: { 'upstream-strategy': ['random'] } }).length, 1);
});
