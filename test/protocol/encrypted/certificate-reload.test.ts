import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { createCertificateAuthority, type ServerCertificate } from '../../fixtures/certificates.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import type { Daemon } from '../../fixtures/process/daemon.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { startLab } from '../lab.ts';
import { encryptedPorts } from './encrypted-lab.ts';

const LISTENERS = '--dot-address 127.0.0.1 --dot-port 0 --doh-address 127.0.0.1 --doh-port 0'.split(' ');

/** Lets the daemon reload, and returns what its log says from then on. */
async function reload({ process }: Daemon): Promise<string> {
  const { length } = process.output;
  process.signal('SIGHUP');
  await process.waitUntil('the reload has ended', 10_000, () =>
    /Reloaded the|Not reloaded/.test(process.output.slice(length)),
  );
  return process.output.slice(length);
}

async function connectTo(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'dns.example', ca, rejectUnauthorized: true });
  await once(socket, 'secureConnect');
  return socket;
}

/** Asks over DoT, and returns the length of the reply. */
async function ask(socket: TLSSocket, name: string): Promise<number> {
  const query = buildQuery({ name });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  socket.write(Buffer.concat([length, query]));
  const [reply] = await once(socket, 'data');
  return reply.length;
}

test('a reload presents a renewed certificate to new clients, keeps the open connections, and refuses a wrong pair', async () => {
  await using directory = await createTemporaryDirectory();
  await using authority = await createCertificateAuthority();
  const [certificatePath, keyPath] = [join(directory.path, 'cert.pem'), join(directory.path, 'key.pem')];
  const install = async (certificate: ServerCertificate, key = certificate): Promise<void> => {
    await copyFile(certificate.certificatePath, certificatePath);
    await copyFile(key.keyPath, keyPath);
  };
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => authority.issue(['dns.example'])));
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await install(first);
  const ca = await readFile(authority.certificatePath, 'utf8');
  await using lab = await startLab(...LISTENERS, '--tls-cert', certificatePath, '--tls-key', keyPath);
  const { dot, doh } = encryptedPorts(lab.daemon.process.output);
  const presented = async (port: number): Promise<string> => {
    const socket = await connectTo(port, ca);
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await presented(dot);
  const open = await connectTo(dot, ca);
  assert.ok((await ask(open, 'one.example')) > 0);

  await install(second);
  assert.match(await reload(lab.daemon), /Reloaded/);
  const renewed = await presented(dot);
  assert.notEqual(renewed, before);
  assert.equal(await presented(doh), renewed);
  assert.ok((await ask(open, 'two.example')) > 0);
  open.destroy();

  await install(first, third);
  assert.match(await reload(lab.daemon), /Not reloaded.*--tls-key/);
  assert.equal(await presented(dot), renewed);
});

test('listeners that a reload adds need a restart, which the log says; nothing is opened', async () => {
  await using directory = await createTemporaryDirectory();
  await using authority = await createCertificateAuthority();
  const { certificatePath, keyPath } = await authority.issue(['dns.example']);
  const path = join(directory.path, 'dns4tor.toml');
  await writeFile(path, '');
  await using lab = await startLab('--config', path);
  await writeFile(
    path,
    `dot-address = ["127.0.0.1"]\ndot-port = 0\ntls-cert = "${certificatePath}"\ntls-key = "${keyPath}"\n`,
  );
  const log = await reload(lab.daemon);
  assert.match(log, /Still using .*\bdot-address, dot-port\b/);
  assert.ok(!log.includes('tls://'));
  const { body } = await lab.daemon.page('/metrics');
  assert.doesNotMatch(body, /^dns4tor_certificate_expiry_timestamp_seconds /m);
});
