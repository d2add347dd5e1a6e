import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { type ErrorCode, failureText } from '../../../src/failures/failures.ts';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { TorAgent } from '../../../src/tor/socks/agent.ts';
import type { ToleratedStanding } from '../../../src/tor/socks/socks-peer.ts';
import { createTorConnector, type DialTarget, type TorConnectorOptions } from '../../../src/tor/tls/connector.ts';
import type { TlsIdentity } from '../../../src/tor/tls/tls-identity.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type Flaws,
  type ServerCertificate,
} from '../../fixtures/certificates.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { opensslTbsHash } from '../../fixtures/openssl-tbs-hash.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { listen } from '../listen.ts';
import { type SocksDouble, startSocksDouble } from '../socks-double.ts';

const NAMES = ['doh.test', 'other.test'];

let authority: CertificateAuthority;
let certificate: ServerCertificate;
let ca: string;
let credentials: TlsOptions;

before(async () => {
  authority = await createCertificateAuthority();
  certificate = await authority.issue(NAMES);
  ca = await readFile(authority.certificatePath, 'utf8');
  credentials = { cert: await readFile(certificate.certificatePath), key: await readFile(certificate.keyPath) };
});

after(() => authority[Symbol.asyncDispose]());

interface Handshake {
  readonly protocol: string | null;
  readonly alpn: string | false | null;
  readonly servername: string | false | null;
  readonly resumed: boolean;
}

interface Resolver extends AsyncDisposable {
  readonly proxy: SocksDouble;
  /** What the server saw of each TLS handshake that succeeded. */
  readonly handshakes: readonly Handshake[];
}

/** A server behind a SOCKS proxy. */
async function startResolver(server: Server): Promise<Resolver> {
  const handshakes: Handshake[] = [];
  server.on('secureConnection', (socket: TLSSocket & { servername: Handshake['servername'] }) => {
    const { alpnProtocol: alpn, servername } = socket;
    handshakes.push({ protocol: socket.getProtocol(), alpn, servername, resumed: socket.isSessionReused() });
  });
  server.on('tlsClientError', () => {});
  const listening = await listen(server);
  const proxy = await startSocksDouble({ target: listening });
  return {
    proxy,
    handshakes,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await listening[Symbol.asyncDispose]();
    },
  };
}

function startHttp2Resolver(options: TlsOptions = {}): Promise<Resolver> {
  return startResolver(
    createSecureServer({ ...credentials, ...options }, (request, response) => {
      response.end(request.authority);
    }),
  );
}

/** The certificate does not name this host. */
const TARGET: DialTarget = { host: 'onion.test', port: 443 };

interface Overrides extends Partial<Omit<TorConnectorOptions, 'tls'>> {
  readonly identity?: Partial<TlsIdentity>;
  /** @default the authority that issued the server's certificate */
  readonly extraCa?: { readonly ca?: string };
  readonly servername?: string;
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Standing of the proxy. @default 'tor' */
  readonly standing?: ToleratedStanding;
}

/** Connects to the resolver, with TLS or without. */
type Open = () => Promise<TLSSocket>;

function plainOptions(
  { proxy }: Pick<Resolver, 'proxy'>,
  clock: Clock = systemClock,
  standing: ToleratedStanding = 'tor',
): TorConnectorOptions {
  const agent = (): TorAgent =>
    new TorAgent({
      socks: proxy.address,
      credentials: { username: 'u', password: 'p' },
      clock,
      judgePeer: async () => standing,
    });
  return { agent, clock, deadlineMs: 10_000 };
}

function createConnector(
  resolver: Pick<Resolver, 'proxy'>,
  { identity, extraCa = { ca }, servername = 'doh.test', minVersion, clock, standing, ...options }: Overrides = {},
): Open {
  const connector = createTorConnector({
    ...plainOptions(resolver, clock, standing),
    ...options,
    tls: {
      servername,
      names: ['doh.test'],
      namesThroughTor: [],
      pins: [],
      chainHashes: [],
      alpn: ['h2', 'http/1.1'],
      ...(minVersion === undefined ? {} : { minVersion }),
      ...extraCa,
      ...identity,
    },
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- with TLS options, the socket is a TLSSocket
  return () => connector(TARGET) as Promise<TLSSocket>;
}

test('a connection is TLS 1.3 and HTTP/2 to the certified name, through a stream to the onion service', async () => {
  await using resolver = await startHttp2Resolver();
  const socket = await createConnector(resolver)();
  const session = connectHttp2('https://doh.test', { createConnection: () => socket });
  assert.equal(await text(session.request({ ':authority': 'doh.test' })), 'doh.test');
  assert.deepEqual(resolver.handshakes, [{ protocol: 'TLSv1.3', alpn: 'h2', servername: 'doh.test', resumed: false }]);
  assert.deepEqual(
    resolver.proxy.requests.map(({ host, port }) => `${host}:${port}`),
    ['onion.test:443'],
  );
  session.destroy();
});

test('a resolver named by its IP address gets no SNI (RFC 6066 §3)', async () => {
  await using resolver = await startHttp2Resolver();
  const socket = await createConnector(resolver, { servername: '192.0.2.1' })();
  await once(socket, 'readable');
  socket.destroy();
  assert.deepEqual(
    resolver.handshakes.map(({ servername }) => servername),
    [false],
  );
});

test('without TLS options, the plain stream is returned', async () => {
  await using resolver = await startResolver(createTcpServer((socket) => socket.end('plain')));
  const connector = createTorConnector(plainOptions(resolver));
  assert.equal(await text(await connector(TARGET)), 'plain');
});

test('one of the allowed names in the certificate is enough', async () => {
  await using resolver = await startHttp2Resolver();
  const names = ['x.onion', 'other.test'];
  (await createConnector(resolver, { identity: { names } })()).destroy();
});

test('a name that is accepted through Tor is refused if the proxy may not be Tor', async () => {
  await using resolver = await startHttp2Resolver();
  const identity = { names: ['x.onion'], namesThroughTor: ['other.test'] };
  (await createConnector(resolver, { identity })()).destroy();
  await assert.rejects(createConnector(resolver, { identity, standing: 'unknown' })(), {
    code: 'ERR_TLS_NAME',
    message: /^(?!.*other\.test).*x\.onion/,
  });
  (await createConnector(resolver, { standing: 'unknown' })()).destroy();
  await resolver.proxy.deserted();
});

test('a stream that only Tor authenticates is refused if the proxy may not be Tor', async () => {
  await using resolver = await startResolver(createTcpServer((socket) => socket.end('plain')));
  const open = (standing: ToleratedStanding): Promise<Socket> =>
    createTorConnector({ ...plainOptions(resolver, systemClock, standing), onlyThroughTor: true })(TARGET);
  assert.equal(await text(await open('tor')), 'plain');
  await assert.rejects(open('unknown'), { code: 'ERR_TOR_UNPROVEN' });
  await resolver.proxy.deserted();
});

test('a certificate with none of the allowed names is refused, even with the right key', async () => {
  await using resolver = await startHttp2Resolver();
  const names = ['x.onion', 'y.test'];
  await assert.rejects(createConnector(resolver, { identity: { names, pins: [certificate.pin] } })(), {
    code: 'ERR_TLS_NAME',
    message: /x\.onion, y\.test/,
  });
  await resolver.proxy.deserted();
});

test('one matching pin is enough, and without one the key is refused', async () => {
  await using resolver = await startHttp2Resolver();
  const wrong = `sha256/${Buffer.alloc(32).toString('base64')}`;
  (await createConnector(resolver, { identity: { pins: [wrong, certificate.pin] } })()).destroy();
  await assert.rejects(createConnector(resolver, { identity: { pins: [wrong] } })(), {
    code: 'ERR_TLS_PIN',
    message: new RegExp(certificate.pin.replaceAll('+', String.raw`\+`)),
  });
  await resolver.proxy.deserted();
});

test('a pin does not stand in for a trusted chain', async () => {
  await using resolver = await startHttp2Resolver();
  const connector = createConnector(resolver, { identity: { pins: [certificate.pin] }, extraCa: {} });
  await assert.rejects(connector(), { code: 'ERR_TLS_UNTRUSTED' });
  await resolver.proxy.deserted();
});

test('with hashes of a DNS stamp, the chain must have a certificate with one of them', async () => {
  await using resolver = await startHttp2Resolver();
  const [ofLeaf, ofRoot] = [
    await opensslTbsHash(certificate.certificatePath),
    await opensslTbsHash(authority.certificatePath),
  ];
  const wrong = '0'.repeat(64);
  for (const hash of [ofLeaf, ofRoot]) {
    (await createConnector(resolver, { identity: { chainHashes: [wrong, hash] } })()).destroy();
  }
  await assert.rejects(createConnector(resolver, { identity: { chainHashes: [wrong] } })(), { code: 'ERR_TLS_STAMP' });
  await resolver.proxy.deserted();
});

test('a hash of a DNS stamp stands in for neither a trusted chain nor a name', async () => {
  await using resolver = await startHttp2Resolver();
  const chainHashes = [await opensslTbsHash(certificate.certificatePath)];
  await assert.rejects(createConnector(resolver, { identity: { chainHashes }, extraCa: {} })(), {
    code: 'ERR_TLS_UNTRUSTED',
  });
  await assert.rejects(createConnector(resolver, { identity: { chainHashes, names: ['x.test'] } })(), {
    code: 'ERR_TLS_NAME',
  });
  await resolver.proxy.deserted();
});

test('NODE_TLS_REJECT_UNAUTHORIZED=0 admits no untrusted chain, wrong name or wrong key', async (t) => {
  // Node reads the variable for each connection.
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
  await using resolver = await startHttp2Resolver();
  const pins = [`sha256/${Buffer.alloc(32).toString('base64')}`];
  const refusals = [
    [{ extraCa: {} }, 'ERR_TLS_UNTRUSTED'],
    [{ extraCa: {}, identity: { names: ['x.test'], pins } }, 'ERR_TLS_UNTRUSTED'],
    [{ identity: { names: ['x.test'] } }, 'ERR_TLS_NAME'],
    [{ identity: { pins } }, 'ERR_TLS_PIN'],
  ] as const;
  for (const [overrides, code] of refusals) {
    await assert.rejects(createConnector(resolver, overrides)(), { code });
    await resolver.proxy.deserted();
  }
});

test('TLS below 1.3 is refused, and the error names the option that accepts it', async () => {
  await using resolver = await startHttp2Resolver({ maxVersion: 'TLSv1.2' });
  await assert.rejects(createConnector(resolver)(), { code: 'ERR_TLS_VERSION', message: /--upstream-tls-min 1\.2/ });
});

test('TLS 1.2 is accepted if allowed, and its sessions are not resumed by ID or ticket', async () => {
  for (const secureOptions of [0, constants.SSL_OP_NO_TICKET]) {
    const sessions = new Map<string, Buffer>();
    const server = createSecureServer({ ...credentials, maxVersion: 'TLSv1.2', secureOptions });
    server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
      sessions.set(id.toString('hex'), data);
      done();
    });
    server.on('resumeSession', (id: Buffer, done: (error: null, data: Buffer | null) => void) =>
      done(null, sessions.get(id.toString('hex')) ?? null),
    );
    await using resolver = await startResolver(server);
    const connector = createConnector(resolver, { minVersion: 'TLSv1.2' });
    for (let connection = 0; connection < 2; connection++) {
      const socket = await connector();
      await once(socket, 'data');
      socket.destroy();
    }
    const handshake = { protocol: 'TLSv1.2', alpn: 'h2', servername: 'doh.test', resumed: false };
    assert.deepEqual(resolver.handshakes, [handshake, handshake]);
  }
});

test('TLS 1.3 is preferred even if TLS 1.2 is allowed, and TLS 1.1 is refused', async () => {
  await using modern = await startHttp2Resolver();
  const socket = await createConnector(modern, { minVersion: 'TLSv1.2' })();
  assert.equal(socket.getProtocol(), 'TLSv1.3');
  socket.destroy();
  await using old = await startHttp2Resolver({
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  await assert.rejects(createConnector(old, { minVersion: 'TLSv1.2' })(), { code: 'ERR_TLS_VERSION' });
});

for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256']) {
  test(`RFC 9113 §9.2.2: TLS 1.2 with ${ciphers}, without forward secrecy or an AEAD, is refused`, async () => {
    // An RSA key serves both.
    const issued = await authority.issue(NAMES, ciphers.startsWith('ECDHE') ? {} : { key: 'rsa:2048' });
    await using resolver = await startHttp2Resolver({
      maxVersion: 'TLSv1.2',
      ciphers,
      cert: await readFile(issued.certificatePath),
      key: await readFile(issued.keyPath),
    });
    await assert.rejects(createConnector(resolver, { minVersion: 'TLSv1.2' })(), { code: 'ERR_TLS' });
  });
}

test('OpenSSL’s server without TLS 1.3 is refused, and accepted if TLS 1.2 is allowed', async () => {
  const reservation = await reservePort();
  await reservation.release();
  const port = String(reservation.port);
  const { certificatePath, keyPath } = certificate;
  await using server = await startProcess(await findProgram('openssl'), [
    's_server',
    // Without -www it would read its answer from stdin.
    '-www',
    '-tls1_2',
    '-accept',
    `127.0.0.1:${port}`,
    '-cert',
    certificatePath,
    '-key',
    keyPath,
  ]);
  await server.waitUntil('the server listens', 5000, () => server.output.includes('ACCEPT'));
  await using proxy = await startSocksDouble({ target: reservation });
  await assert.rejects(createConnector({ proxy })(), { code: 'ERR_TLS_VERSION' });
  const socket = await createConnector({ proxy }, { minVersion: 'TLSv1.2' })();
  assert.equal(socket.getProtocol(), 'TLSv1.2');
  socket.destroy();
});

const FLAWS: readonly (readonly [string, Flaws, ErrorCode])[] = [
  ['an RSA key of 1024 bits', { key: 'rsa:1024' }, 'ERR_TLS_KEY_SIZE'],
  ['a signature with SHA-1', { digest: 'sha1' }, 'ERR_TLS_SIGNATURE'],
  ['a purpose other than serverAuth', { usage: 'clientAuth' }, 'ERR_TLS_PURPOSE'],
];

for (const [what, flaws, code] of FLAWS) {
  test(`a certificate with ${what} is refused with ${code}`, async () => {
    const flawed = await authority.issue(NAMES, flaws);
    await using resolver = await startHttp2Resolver({
      cert: await readFile(flawed.certificatePath),
      key: await readFile(flawed.keyPath),
      // Otherwise the server itself would refuse to use it.
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await assert.rejects(createConnector(resolver)(), { code });
    await resolver.proxy.deserted();
  });
}

test('only ERR_TLS_UNTRUSTED suggests --upstream-ca', async () => {
  await using resolver = await startHttp2Resolver();
  await assert.rejects(createConnector(resolver, { extraCa: {} })(), {
    code: 'ERR_TLS_UNTRUSTED',
    message: /--upstream-ca/,
  });
  for (const code of FLAWS.map(([, , flaw]) => flaw)) assert.doesNotMatch(failureText(code), /--upstream-ca/);
});

test('h2 is offered first and http/1.1 second, and a server with both chooses', async () => {
  const offered: string[][] = [];
  const ALPNCallback = ({ protocols }: { protocols: string[] }): string | undefined => {
    offered.push(protocols);
    return protocols[0];
  };
  await using resolver = await startResolver(createTlsServer({ ...credentials, ALPNCallback }));
  (await createConnector(resolver)()).destroy();
  assert.deepEqual(offered, [['h2', 'http/1.1']]);
});

test('a server without HTTP/2 is accepted for HTTP/1.1, whether it knows ALPN or not', async () => {
  for (const [ALPNProtocols, alpn] of [
    [[], false],
    [['http/1.1'], 'http/1.1'],
  ] as const) {
    await using resolver = await startResolver(createTlsServer({ ...credentials, ALPNProtocols: [...ALPNProtocols] }));
    const socket = await createConnector(resolver)();
    assert.equal(socket.alpnProtocol, alpn);
    socket.destroy();
  }
});

test('RFC 7301 §3.2: a server that refuses both versions of HTTP is refused', async () => {
  await using resolver = await startResolver(createTlsServer({ ...credentials, ALPNProtocols: ['imap'] }));
  await assert.rejects(createConnector(resolver)(), { code: 'ERR_DOH_HTTP_VERSION' });
  await resolver.proxy.deserted();
});

test('a server without TLS is refused', async () => {
  await using resolver = await startResolver(createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')));
  await assert.rejects(createConnector(resolver)(), { code: 'ERR_TLS' });
});

test('a stream that ends during the TLS handshake fails at once', async () => {
  await using resolver = await startResolver(createTcpServer((socket) => socket.once('data', () => socket.destroy())));
  await assert.rejects(createConnector(resolver)(), { code: 'ERR_TLS' });
});

test('a failed dial keeps its own code', async () => {
  await using proxy = await startSocksDouble({ reply: 0xf2 });
  await assert.rejects(createConnector({ proxy })(), { code: 'ERR_TOR_HS_INTRO_FAILED' });
});

test('no session is resumed, so that connections cannot be linked', async () => {
  await using resolver = await startHttp2Resolver();
  const connector = createConnector(resolver);
  for (let connection = 0; connection < 2; connection++) {
    const socket = await connector();
    // The server's first frame, before which it has sent its session tickets.
    await once(socket, 'data');
    socket.destroy();
  }
  assert.deepEqual(
    resolver.handshakes.map(({ resumed }) => resumed),
    [false, false],
  );
});

test('the deadline covers the TLS handshake and leaves nothing open', async () => {
  const silent = createTcpServer();
  const reached = once(silent, 'connection');
  await using resolver = await startResolver(silent);
  const clock = new ManualClock();
  const connecting = createConnector(resolver, { clock, deadlineMs: 5_000 })();
  const refused = assert.rejects(connecting, { code: 'ERR_TOR_TIMEOUT', message: /TLS handshake/ });
  const [accepted] = await reached;
  await once(accepted, 'data');
  clock.advance(5_000);
  await refused;
  assert.equal(clock.pendingTimers, 0);
  await resolver.proxy.deserted();
});

test('a pending connection can be aborted', async () => {
  const silent = createTcpServer();
  const reached = once(silent, 'connection');
  await using resolver = await startResolver(silent);
  const shutdown = new AbortController();
  const refused = assert.rejects(createConnector(resolver, { signal: shutdown.signal })(), {
    code: 'ERR_SHUTDOWN',
  });
  const [accepted] = await reached;
  await once(accepted, 'data');
  shutdown.abort();
  await refused;
  await resolver.proxy.deserted();
});
