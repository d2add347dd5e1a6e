import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { runCli } from '../../cli/run-cli.ts';
import { blockAt } from '../../docs/pages.ts';
import { type DigReply, dig } from '../../fixtures/dns/dig.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { type Lab, startLab } from '../lab.ts';

/*
 * The files of `dns4tor certificate` with a running dns4tor and a client that uses GnuTLS.
 */

const NAME = 'dns.home.arpa';

async function makeCertificate(directory: string, ...args: readonly string[]): Promise<X509Certificate> {
  const { code, stderr } = await runCli(['certificate', '--directory', directory, ...args]);
  assert.deepEqual([code, stderr], [0, '']);
  return new X509Certificate(await readFile(join(directory, 'cert.pem')));
}

async function presentedAt(port: number, ca: string): Promise<X509Certificate | undefined> {
  const socket = connect({ host: '127.0.0.1', port, servername: NAME, ca: await readFile(ca) });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return certificate;
}

interface Served extends AsyncDisposable {
  readonly lab: Lab;
  readonly dot: number;
  readonly doh: number;
}

/** Runs dns4tor with the certificate of a directory. */
async function serve(directory: string): Promise<Served> {
  const listening = ['--dot-address', '127.0.0.1', '--dot-port', '0', '--doh-address', '127.0.0.1', '--doh-port', '0'];
  const files = ['--tls-cert', join(directory, 'cert.pem'), '--tls-key', join(directory, 'key.pem')];
  const lab = await startLab(...listening, ...files, '--output', 'json');
  const portOf = (scheme: string): number =>
    Number(new RegExp(`${scheme}://127\\.0\\.0\\.1:(?<port>\\d+)`).exec(lab.daemon.process.output)?.groups?.['port']);
  return { lab, dot: portOf('tls'), doh: portOf('https'), [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
}

test('clients that trust the authority get answers over TLS and HTTPS, also after a renewal', async () => {
  await using directory = await createTemporaryDirectory();
  const at = (name: string): string => join(directory.path, name);
  const first = await makeCertificate(directory.path, NAME, '127.0.0.1');
  await using served = await serve(directory.path);
  const { lab, dot, doh } = served;
  const ask = async (port: number, way: string, host: string, ca = at('ca.pem')): Promise<string> => {
    const trust = [`+tls-ca=${ca}`, `+tls-hostname=${host}`];
    const { status } = await kdig('@127.0.0.1', '-p', String(port), way, ...trust, 'a.example', 'A');
    return status;
  };
  const askAll = async (): Promise<void> => {
    for (const host of [NAME, '127.0.0.1']) {
      assert.equal(await ask(dot, '+tls', host), 'NOERROR');
      for (const way of ['+https', '+https-get']) assert.equal(await ask(doh, way, host), 'NOERROR');
    }
  };
  await askAll();
  assert.equal((await presentedAt(dot, at('ca.pem')))?.serialNumber, first.serialNumber);
  await assert.rejects(ask(dot, '+tls', 'other.example'));
  await using other = await createTemporaryDirectory();
  await makeCertificate(other.path, NAME, '127.0.0.1');
  await assert.rejects(ask(dot, '+tls', NAME, join(other.path, 'ca.pem')));

  const second = await makeCertificate(directory.path);
  await lab.daemon.logs('"certificate_replaced"');
  for (const port of [dot, doh]) {
    assert.equal((await presentedAt(port, at('ca.pem')))?.serialNumber, second.serialNumber);
  }
  assert.notEqual(second.serialNumber, first.serialNumber);
  await askAll();
});

test('unbound forwards over TLS with the configuration of the docs, and only to a server that it can verify', async () => {
  await using directory = await createTemporaryDirectory();
  await makeCertificate(directory.path, NAME, '127.0.0.1');
  await using served = await serve(directory.path);
  await using other = await createTemporaryDirectory();
  await makeCertificate(other.path, NAME, '127.0.0.1');
  const recipe = blockAt('docs/browsers-and-phones.md', 'unbound', 'unbound');
  for (const [authority, status] of [
    [directory.path, 'NOERROR'],
    [other.path, 'SERVFAIL'],
  ] as const) {
    await using reservation = await reservePort();
    const { port } = reservation;
    const own = [
      'server:',
      `interface: 127.0.0.1@${port}`,
      'do-not-query-localhost: no',
      'username: ""',
      'chroot: ""',
      'pidfile: ""',
      'use-syslog: no',
      'do-daemonize: no',
      `directory: "${directory.path}"`,
      recipe.replace('192.168.1.2@853', `127.0.0.1@${served.dot}`).replace('/etc/dns4tor/tls', authority),
    ];
    const config = join(directory.path, 'unbound.conf');
    await writeFile(config, own.join('\n'));
    await reservation.release();
    await using unbound = await startProcess(await findProgram('unbound'), ['-d', '-c', config]);
    const ask = (name: string): Promise<DigReply> => dig('@127.0.0.1', '-p', String(port), '+time=10', name);
    await unbound.waitUntil('it answers', 10_000, () => ask('localhost').then(isTrue, isFalse));
    assert.equal((await ask('b.example')).status, status);
  }
});

const isTrue = (): boolean => true;
const isFalse = (): boolean => false;
