import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkEncrypted, checkServerCertificate } from '../../../src/check/checks/encrypted-check.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { readValidity } from '../../../src/model/tls/certificate-validity.ts';
import { createFileSystem } from '../../../src/system/transaction/file-system.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../../fixtures/certificates.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { configOf } from '../config-of.ts';

const PROTOCOLS = ['dot', 'doh'] as const;
const DAY_MS = 86_400_000;
const LENGTH_BYTES = 2;
const QR = 0x80;

let ca: CertificateAuthority;
let server: ServerCertificate;
before(async () => {
  ca = await createCertificateAuthority();
  server = await ca.issue(['dns.example']);
});
after(() => ca[Symbol.asyncDispose]());

const tlsFlags = ({ certificatePath, keyPath }: ServerCertificate): string[] => [
  '--tls-cert',
  certificatePath,
  '--tls-key',
  keyPath,
];

function check(protocol: (typeof PROTOCOLS)[number], port: number, ...flags: readonly string[]): Promise<Verdict> {
  const config = configOf(`--${protocol}-address`, '127.0.0.1', `--${protocol}-port`, String(port), ...flags);
  return checkEncrypted({ config, clock: systemClock, random: systemRandom, fs: createFileSystem() }, protocol);
}

/** Judges a certificate that is used at an address, before its end. */
function judge(
  { certificatePath, keyPath }: ServerCertificate,
  flags: readonly string[] = [],
  untilExpiryMs?: number,
): Promise<Verdict> {
  const { fromEpochMs, untilEpochMs } = readValidity(readFileSync(certificatePath, 'utf8'));
  const clock = new ManualClock(untilExpiryMs === undefined ? fromEpochMs : untilEpochMs - untilExpiryMs);
  const config = configOf(...tlsFlags({ certificatePath, keyPath, pin: '' }), ...flags);
  return checkServerCertificate({ config, clock });
}

async function listen(target: Server): Promise<number> {
  await once(target.listen(0, '127.0.0.1'), 'listening');
  const address = target.address();
  assert.ok(address !== null && typeof address !== 'string');
  return address.port;
}

test('a running dns4tor is recognised over TLS and HTTPS, and its certificate after a renewal too', async () => {
  await using directory = await createTemporaryDirectory();
  const files = {
    certificatePath: join(directory.path, 'cert.pem'),
    keyPath: join(directory.path, 'key.pem'),
    pin: '',
  };
  await copyFile(server.certificatePath, files.certificatePath);
  await copyFile(server.keyPath, files.keyPath);
  await using dot = await reservePort();
  await using doh = await reservePort();
  const ports = { dot: dot.port, doh: doh.port };
  await dot.release();
  await doh.release();
  await using daemon = await startDaemon([
    '--tor-socks',
    'unix:/nonexistent/socks',
    '--tor-control',
    'none',
    ...tlsFlags(files),
    '--dot-address',
    '127.0.0.1',
    '--dot-port',
    String(ports.dot),
    '--doh-address',
    '127.0.0.1',
    '--doh-port',
    String(ports.doh),
    '--doh-path',
    '/q',
  ]);
  for (const protocol of PROTOCOLS) {
    const { status, line } = await check(protocol, ports[protocol], ...tlsFlags(files), '--doh-path', '/q');
    assert.equal(status, 'ok', line);
  }
  assert.equal((await check('doh', ports.doh, ...tlsFlags(files), '--doh-path', '/other')).status, 'fail');

  // The check reads another certificate than the daemon, as after a renewal that it could not use.
  assert.ok(daemon.port > 0);
  const renewed = await ca.issue(['dns.example']);
  const chain = join(directory.path, 'chain.pem');
  const certificates = [renewed.certificatePath, ca.certificatePath].map((path) => readFileSync(path, 'utf8'));
  await writeFile(chain, certificates.join('\n'));
  for (const protocol of PROTOCOLS) {
    // Only the server's own certificate is trusted, although its file may hold the authority too.
    for (const certificatePath of [renewed.certificatePath, chain]) {
      const { status } = await check(
        protocol,
        ports[protocol],
        ...tlsFlags({ ...renewed, certificatePath }),
        '--doh-path',
        '/q',
      );
      assert.equal(status, 'fail', protocol);
    }
  }
});

test('another program is named, whatever it speaks; so is nothing at all', async () => {
  const speechless = createServer((socket) => socket.end('220 mail.example\r\n'));
  const web = createHttpsServer(
    { cert: readFileSync(server.certificatePath), key: readFileSync(server.keyPath) },
    (_, response) => response.end('hello'),
  );
  const [plainPort, webPort] = await Promise.all([listen(speechless), listen(web)]);
  try {
    for (const [protocol, port] of [
      ['dot', plainPort],
      ['doh', plainPort],
      ['doh', webPort],
    ] as const) {
      const { status, line } = await check(protocol, port, ...tlsFlags(server));
      assert.equal(status, 'fail');
      assert.ok(line.includes(basename(import.meta.filename)) && line.includes(`127.0.0.1:${port}`), line);
    }
  } finally {
    speechless.close();
    web.close();
  }
  for (const protocol of PROTOCOLS) {
    const { status, line, advice } = await check(
      protocol,
      protocol === 'dot' ? plainPort : webPort,
      ...tlsFlags(server),
    );
    assert.deepEqual([status, advice !== undefined], ['fail', true]);
    assert.ok(line.includes('127.0.0.1'), line);
  }
});

test('another DNS server with the configured certificate is not mistaken for dns4tor', async () => {
  await withEcho(server, async (port) => {
    const { status, line } = await check('dot', port, ...tlsFlags(server));
    assert.equal(status, 'fail');
    assert.ok(line.includes(basename(import.meta.filename)), line);
  });
});

/** Runs a DoT server that answers each query with no record. */
async function withEcho(
  { certificatePath, keyPath }: ServerCertificate,
  run: (port: number) => Promise<void>,
): Promise<void> {
  const echo = createTlsServer({
    cert: readFileSync(certificatePath),
    key: readFileSync(keyPath),
    ALPNProtocols: ['dot'],
  });
  echo.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.once('data', (query) => {
      query[LENGTH_BYTES + 2]! |= QR;
      socket.write(query);
    });
  });
  const port = await listen(echo);
  try {
    await run(port);
  } finally {
    echo.close();
  }
}

test('a server that says nothing is given up', { timeout: 20_000 }, async () => {
  const silent = createServer(() => {});
  const port = await listen(silent);
  try {
    const clock = new ManualClock();
    const config = configOf('--dot-address', '127.0.0.1', '--dot-port', String(port), ...tlsFlags(server));
    const connected = once(silent, 'connection');
    const checking = checkEncrypted({ config, clock, random: systemRandom, fs: createFileSystem() }, 'dot');
    const [socket] = await connected;
    clock.advance(2000);
    assert.equal((await checking).status, 'fail');
    assert.equal(clock.pendingTimers, 0);
    socket.destroy();
  } finally {
    silent.close();
  }
});

test('a port that is chosen at the start cannot be checked', async () => {
  for (const protocol of PROTOCOLS) assert.equal((await check(protocol, 0, ...tlsFlags(server))).status, 'skip');
});

test('no packet goes to an address of another machine', async () => {
  const flags = [...tlsFlags(server), '--dot-address', '192.0.2.1', '--allow', '192.0.2.0/24'];
  const { status, line } = await check('dot', 853, ...flags);
  assert.equal(status, 'fail');
  assert.ok(line.includes('192.0.2.1'), line);
});

test('a certificate is accepted until it needs renewal', async () => {
  assert.equal((await judge(server)).status, 'ok');
  assert.equal((await judge(server, [], DAY_MS)).status, 'warn');
  assert.equal((await judge(server, [], -DAY_MS)).status, 'fail');
  assert.equal((await judge(server, [], 30 * DAY_MS)).status, 'fail');
});

test('what browsers and phones refuse is found: the purpose, no names, a life that is too long', async () => {
  assert.equal((await judge(await ca.issue(['dns.example'], { usage: 'clientAuth' }))).status, 'fail');
  assert.equal((await judge(await ca.issue(['dns.example'], { days: 826 }))).status, 'warn');
  assert.equal((await judge(await ca.issue(['dns.example'], { days: 825 }))).status, 'ok');
});

const [lan] = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal);

test('without a host name, the certificate must have the addresses, and phones need a name', async () => {
  const allow = ['--allow', '192.0.2.0/24'];
  const at = (option: string, address: string): string[] => [`--${option}`, address, ...allow];
  const ofAddress = await ca.issue(['192.0.2.1']);
  assert.equal((await judge(ofAddress, at('doh-address', '192.0.2.1'))).status, 'ok');
  assert.equal((await judge(ofAddress, at('doh-address', '192.0.2.2'))).status, 'warn');
  assert.equal((await judge(ofAddress, at('dot-address', '192.0.2.1'))).status, 'warn');
  assert.equal((await judge(ofAddress, ['--dot-address', '127.0.0.1'])).status, 'ok');
  assert.equal((await judge(server, at('dot-address', '192.0.2.2'))).status, 'ok');
  if (lan !== undefined) assert.equal((await judge(ofAddress, at('doh-address', '0.0.0.0'))).status, 'warn');
});
