import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { createCertificateAuthority, type ServerCertificate } from '../../fixtures/certificates.ts';
import { type DigReply, dig } from '../../fixtures/dns/dig.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { type Lab, startLab } from '../lab.ts';

/*
 * Discovery of Designated Resolvers (DDR, RFC 9462): a client that knows only the IP address of dns4tor finds DoT and
 * DoH, verifies the certificate as RFC 9462 §4.2 requires, and gets answers.
 */

const NAME = '_dns.resolver.arpa';
const HOST = 'dns.example.net';
const RESOLVERS = ['127.0.0.1', '::1'];

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());
const CA = await readFile(authority.certificatePath);

/** A dns4tor that serves DoT on both loopback addresses, and DoH on 127.0.0.1. */
async function start(...names: readonly string[]): Promise<Lab> {
  return startWith(await authority.issue(names));
}

function startWith({ certificatePath, keyPath }: Pick<ServerCertificate, 'certificatePath' | 'keyPath'>): Promise<Lab> {
  const addresses = ['--address', 'localhost', '--dot-address', 'localhost', '--doh-address', '127.0.0.1'];
  const ports = ['--dot-port', '0', '--doh-port', '0'];
  return startLab(...addresses, ...ports, '--tls-cert', certificatePath, '--tls-key', keyPath);
}

const lab = await start(HOST, ...RESOLVERS);
after(() => lab[Symbol.asyncDispose]());

function discover(server: string, port: number, ...args: readonly string[]): Promise<DigReply> {
  return dig(`@${server}`, '-p', String(port), ...args, NAME, 'SVCB');
}

/** An SVCB record in the form that dig 9.18 prints. */
interface Binding {
  readonly priority: number;
  readonly target: string;
  readonly parameters: Readonly<Record<string, string>>;
}

function toBinding(data: string): Binding {
  const [priority, target = '', ...parameters] = data.split(' ');
  const pairs = parameters.map((each) => /^([^=]+)=(.*)$/.exec(each.replaceAll('"', ''))?.slice(1) ?? []);
  return { priority: Number(priority), target, parameters: Object.fromEntries(pairs) };
}

async function bindingsAt(server: string): Promise<Binding[]> {
  const { status, answer } = await discover(server, lab.daemon.port);
  assert.equal(status, 'NOERROR');
  return answer.map(({ data }) => toBinding(data));
}

for (const resolver of RESOLVERS) {
  test(`what ${resolver} designates has a verifiable certificate and speaks the protocols of the record`, async () => {
    const bindings = await bindingsAt(resolver);
    assert.deepEqual(
      bindings.map(({ parameters }) => parameters['alpn']),
      resolver === '127.0.0.1' ? ['dot', 'h2,http/1.1'] : ['dot'],
    );
    for (const { priority, target, parameters } of bindings) {
      assert.ok(priority > 0);
      // RFC 9462 §4: never the root.
      assert.equal(target, `${HOST}.`);
      const host = parameters['ipv4hint'] ?? parameters['ipv6hint'];
      // RFC 9462 §4.3 allows opportunistic use only at the same address.
      assert.equal(host, resolver);
      for (const protocol of parameters['alpn']?.split(',') ?? []) {
        const socket: TLSSocket = connect({
          host,
          port: Number(parameters['port']),
          ca: CA,
          ALPNProtocols: [protocol],
        });
        await once(socket, 'secureConnect');
        // Without SNI (RFC 9462 §6.3), Node has verified the chain and the IP address that it has connected to.
        assert.equal(socket.authorized, true);
        // RFC 9462 §4.2: the IP address of the unencrypted resolver is in the subjectAltName.
        assert.equal(socket.getPeerX509Certificate()?.checkIP(resolver), resolver);
        assert.equal(socket.alpnProtocol, protocol);
        socket.destroy();
      }
    }
  });
}

test('the designated resolvers answer, with the IP address as the host (RFC 9462 §6.3)', async () => {
  const [dot, doh] = await bindingsAt('127.0.0.1');
  assert.ok(dot !== undefined && doh !== undefined);
  const trust = [`+tls-ca=${authority.certificatePath}`, '+tls-hostname=127.0.0.1'];
  const at = ({ parameters }: Binding): string[] => [`@${parameters['ipv4hint']}`, '-p', parameters['port'] ?? ''];
  const [path = ''] = doh.parameters['key7']?.split('{?dns}') ?? [];
  for (const args of [
    [...at(dot), '+tls'],
    [...at(doh), `+https=${path}`, '+https-get'],
  ]) {
    const { status, answer } = await kdig(...args, ...trust, 'designated.dns4tor-lab.net', 'A');
    assert.deepEqual([status, answer.length], ['NOERROR', 1], args.join(' '));
  }
});

test('the records are the same over UDP, TCP, DoT and DoH, as dig and kdig print them', async () => {
  const { answer } = await discover('127.0.0.1', lab.daemon.port);
  assert.deepEqual((await discover('127.0.0.1', lab.daemon.port, '+tcp')).answer, answer);
  const [dot, doh] = await bindingsAt('127.0.0.1');
  const plain = ['@127.0.0.1', '-p', String(lab.daemon.port)];
  const overDot = ['@127.0.0.1', '-p', dot?.parameters['port'] ?? '', '+tls'];
  const overDoh = ['@127.0.0.1', '-p', doh?.parameters['port'] ?? '', '+https=/dns-query', '+https-get'];
  for (const args of [plain, overDot, overDoh]) {
    const reply = await kdig(...args, NAME, 'SVCB');
    assert.deepEqual(
      reply.answer.map(({ data }) => toBinding(data)),
      answer.map(({ data }) => toBinding(data)),
      args.join(' '),
    );
  }
});

test('the reply has the address of the designated resolver, so that its name need not be looked up (RFC 9462 §4)', async () => {
  const { text } = await discover('::1', lab.daemon.port);
  assert.match(text, /^;; ADDITIONAL SECTION:\ndns\.example\.net\.\s+300\s+IN\s+AAAA\s+::1$/m);
});

test('a certificate without the address of the resolver designates nothing there', async () => {
  await using other = await start(HOST, '::1');
  const { status, answer, authority: negative } = await discover('127.0.0.1', other.daemon.port);
  assert.deepEqual([status, answer.length, negative[0]?.type], ['NOERROR', 0, 'SOA']);
  assert.equal((await discover('::1', other.daemon.port)).answer.length, 1);
});

test('the answer follows the certificate when a reload replaces it', async () => {
  await using directory = await createTemporaryDirectory();
  const files = { certificatePath: join(directory.path, 'cert.pem'), keyPath: join(directory.path, 'key.pem') };
  const replaceBy = async (...names: readonly string[]): Promise<void> => {
    const { certificatePath, keyPath } = await authority.issue(names);
    await copyFile(certificatePath, files.certificatePath);
    await copyFile(keyPath, files.keyPath);
  };
  await replaceBy(HOST, '127.0.0.1');
  await using running = await startWith(files);
  const targets = async (): Promise<readonly string[]> => {
    const { answer } = await discover('127.0.0.1', running.daemon.port);
    return [...new Set(answer.map(({ data }) => toBinding(data).target))];
  };
  assert.deepEqual(await targets(), [`${HOST}.`]);
  for (const [names, expected] of [
    [['new.example.net', '127.0.0.1'], ['new.example.net.']],
    [['new.example.net', '192.0.2.1'], []],
  ] as const) {
    await replaceBy(...names);
    running.daemon.process.signal('SIGHUP');
    await waitUntil('the other certificate is used', PATIENCE_MS, async () => {
      return isDeepStrictEqual(await targets(), expected);
    });
  }
});

test('upstream is never asked for resolver.arpa', async () => {
  await discover('127.0.0.1', lab.daemon.port);
  assert.equal(lab.asked(NAME), 0);
});
