import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseDnsperf } from '../../../bench/costs/dnsperf-output.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../../fixtures/certificates.ts';
import { dig } from '../../fixtures/dns/dig.ts';
import { buildQuery, decodeReply } from '../../fixtures/dns/messages.ts';
import { type Forwarder, startForwarder } from '../../fixtures/dns/validating-forwarder.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { eachAtOnce, UdpAsker } from '../clients.ts';
import { metric } from '../daemon-health.ts';
import { type Lab, startLab } from '../lab.ts';
import { encryptedPorts } from './encrypted-lab.ts';

/*
 * Programs that send many queries over TLS: a resolver of the local network, and a load generator.
 */

const HOST = 'dns.example.net';
const ZONE = 'dns4tor-lab.net';

let authority: CertificateAuthority;
let lab: Lab;
let port: number;
before(async () => {
  authority = await createCertificateAuthority();
  const { certificatePath, keyPath } = await authority.issue([HOST]);
  const listen = ['--dot-address', '127.0.0.1', '--dot-port', '0', '--tls-cert', certificatePath, '--tls-key', keyPath];
  lab = await startLab(...listen);
  port = encryptedPorts(lab.daemon.process.output).dot;
});
after(async () => {
  await lab[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
});

const requests = (): Promise<number> => metric(lab.daemon, 'coredns_dns_requests_total', { proto: 'dot' });

/** Starts an unbound that forwards to dns4tor over TLS, and verifies its name. */
function forwardOverTls(name: string): Promise<Forwarder> {
  const trust = `tls-cert-bundle: "${authority.certificatePath}"`;
  return startForwarder(port, ['module-config: "iterator"', trust], name);
}

test('unbound forwards over TLS, verifies the certificate, and gets all answers', async () => {
  await using unbound = await forwardOverTls(HOST);
  const earlier = await requests();
  await using asker = new UdpAsker(unbound.port);
  const names = Array.from({ length: 200 }, (_, i) => `unbound${i}.${ZONE}`);
  await eachAtOnce(names, 10, async (name, id) => {
    const { rcode, answers } = decodeReply((await asker.ask(buildQuery({ id, name }))) ?? Buffer.alloc(0));
    assert.deepEqual([rcode, answers?.length], ['NOERROR', 1], name);
  });
  assert.ok((await requests()) - earlier >= names.length);
});

test('unbound gets no answer if it expects another name', async () => {
  await using unbound = await forwardOverTls('dns.example.org');
  const earlier = await requests();
  const { status } = await dig('@127.0.0.1', '-p', String(unbound.port), `refused.${ZONE}`, 'A');
  assert.equal(status, 'SERVFAIL');
  assert.equal(await requests(), earlier);
  assert.ok((await metric(lab.daemon, 'dns4tor_dropped_total', { reason: 'tls_handshake' })) > 0);
});

test('dnsperf over TLS gets an answer to each query', async () => {
  await using directory = await createTemporaryDirectory();
  const questions = join(directory.path, 'questions');
  const names = Array.from({ length: 200 }, (_, i) => `perf${i}.${ZONE} A\n`);
  await writeFile(questions, Array.from({ length: 50 }, () => names.join('')).join(''));
  const args = ['-m', 'dot', '-s', '127.0.0.1', '-p', String(port), '-d', questions, '-n', '1', '-c', '5', '-q', '50'];
  const { sent, completed, lost, rcodes } = parseDnsperf(await runProgram('dnsperf', args));
  assert.deepEqual([sent, completed, lost, rcodes], [10_000, 10_000, 0, { NOERROR: 10_000 }]);
});
