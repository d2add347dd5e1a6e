import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { framed, PATIENCE_MS, type TcpClient } from '../../listener/harness.ts';
import { drops } from '../clients/load.ts';
import { metric } from '../daemon-health.ts';
import { startLab } from '../lab.ts';
import { runNamespaced } from '../namespaced.ts';
import { TRANSPORTS } from '../raw-client.ts';
import { OPTION, readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';
import { connectDot } from './dot-client.ts';
import { type EncryptedLab, encryptedPorts, startEncryptedLab } from './encrypted-lab.ts';

/*
 * DNS over TLS (RFC 7858) as its clients see it: kdig, and a client with full control over the connection.
 */

const ZONE = 'dns4tor-lab.net';
const BLOCK = 468;

let lab: EncryptedLab;
before(async () => {
  lab = await startEncryptedLab(['127.0.0.1'], '--name', `alias.lan=target.${ZONE}`);
});
after(() => lab[Symbol.asyncDispose]());

const connect = (to: EncryptedLab = lab): Promise<TcpClient> => connectDot({ port: to.ports.dot, ca: to.ca });

async function served(client: TcpClient, name = `served.${ZONE}`): Promise<void> {
  const earlier = client.messages.length;
  client.send(buildQuery({ name }));
  const [reply] = (await client.received(earlier + 1)).slice(earlier);
  assert.equal(readReply(reply ?? Buffer.alloc(0)).rcode, 'NOERROR');
}

const ids = (replies: readonly Buffer[]): number[] => replies.map((reply) => reply.readUInt16BE(0));

test('kdig gets answers over TLS, and verifies the chain and the name of the certificate', async () => {
  await using authority = await createCertificateAuthority();
  const { certificatePath, keyPath } = await authority.issue(['dns.example.net']);
  const listen = ['--dot-address', '127.0.0.1', '--dot-port', '0', '--tls-cert', certificatePath, '--tls-key', keyPath];
  await using named = await startLab(...listen);
  const at = ['@127.0.0.1', '-p', String(encryptedPorts(named.daemon.process.output).dot), `kdig.${ZONE}`, 'A'];
  const trust = `+tls-ca=${authority.certificatePath}`;
  const reply = await kdig(...at, trust, '+tls-hostname=dns.example.net');
  assert.deepEqual([reply.status, reply.answer.length], ['NOERROR', 1]);
  await assert.rejects(kdig(...at, trust, '+tls-hostname=dns.example.org'));
  await assert.rejects(kdig(...at, '+tls-ca', '+tls-hostname=dns.example.net'));
});

for (const [protocol, port, flag] of [
  ['DoT', () => lab.ports.dot, '+tls'],
  ['DoH', () => lab.ports.doh, '+https=/dns-query'],
] as const) {
  test(`RFC 8467 §4.1: kdig gets a reply of 468 octets over ${protocol} if it pads its query, whatever answers it`, async () => {
    const at = ['@127.0.0.1', '-p', String(port()), flag];
    for (const name of [`${protocol}.${ZONE}`, `${protocol}.${ZONE}`, 'localhost', 'nothing.invalid', 'alias.lan']) {
      const padded = await kdig(...at, '+padding=128', name, 'A');
      assert.match(padded.text, /^;; Received 468 B$/m, name);
      const plain = await kdig(...at, '+nopadding', '+edns', name, 'A');
      assert.deepEqual([plain.status, plain.answer.length], [padded.status, padded.answer.length]);
      assert.doesNotMatch(plain.text, /^;; Received 468 B$/m);
    }
  });
}

test('RFC 7830 §6: padded queries over UDP and TCP get replies without padding', async () => {
  const options = [{ code: OPTION.padding, data: new Uint8Array(50) }];
  for (const transport of TRANSPORTS) {
    for (const name of ['localhost', `padded.${ZONE}`, 'alias.lan']) {
      const { opt, wire } = await lab.ask(transport, { name, edns: { options } });
      assert.equal(opt?.options.has(OPTION.padding), false);
      assert.ok(wire.length < BLOCK);
    }
  }
});

test('RFC 7828 §3.3.2: a client that asks for it is told the idle time, beside the padding', async () => {
  await using client = await connect();
  const options = [OPTION.padding, OPTION.keepalive].map((code) => ({ code, data: new Uint8Array(0) }));
  client.send(buildQuery({ name: `keepalive.${ZONE}`, edns: { options } }));
  const [wire = Buffer.alloc(0)] = await client.received(1);
  const { opt } = readReply(wire);
  assert.deepEqual([...(opt?.options.keys() ?? [])], [OPTION.keepalive, OPTION.padding]);
  assert.equal(opt?.options.get(OPTION.keepalive)?.readUInt16BE(0), 100);
  assert.equal(wire.length, BLOCK);
});

test('RFC 7858 §3.3: a quick answer overtakes a slow one on one connection, even within one segment', async () => {
  const release = Promise.withResolvers<void>();
  lab.behave(`slow.${ZONE}`, async (request) => {
    await release.promise;
    return GOOD(request);
  });
  await using client = await connect();
  const names = [`slow.${ZONE}`, `quick.${ZONE}`, 'localhost'];
  client.send(...names.map((name, id) => buildQuery({ id, name })));
  assert.deepEqual(ids(await client.received(2)), [2, 1]);
  release.resolve();
  assert.deepEqual(ids(await client.received(3)), [2, 1, 0]);
});

test('RFC 7766 §6.2.4: a client that sends close_notify after its queries gets all answers, then close_notify', async () => {
  const release = Promise.withResolvers<void>();
  lab.behave(`late.${ZONE}`, async (request) => {
    await release.promise;
    return GOOD(request);
  });
  await using client = await connect();
  client.socket.end(framed(buildQuery({ id: 1, name: `late.${ZONE}` }), buildQuery({ id: 2, name: 'localhost' })));
  await client.received(1);
  release.resolve();
  assert.deepEqual(ids(await client.received(2)), [2, 1]);
  await client.end();
  assert.equal(client.socket.errored, null);
});

test('queries over TLS count with proto="dot", and share the cache with UDP', async () => {
  const name = `shared.${ZONE}`;
  const counted = (): Promise<number> => metric(lab.daemon, 'coredns_dns_requests_total', { proto: 'dot' });
  const earlier = await counted();
  await using client = await connect();
  await served(client, name);
  await lab.ask('udp', { name });
  await served(client, name);
  assert.equal(lab.asked(name), 1);
  assert.equal((await counted()) - earlier, 2);
});

test('a connection is closed at the idle timeout, and in the middle of a message at the timeout of messages', async () => {
  await using short = await startEncryptedLab(
    ['127.0.0.1'],
    '--tcp-idle-timeout',
    '600ms',
    '--tcp-message-timeout',
    '300ms',
  );
  await using idle = await connect(short);
  await served(idle);
  await idle.end();
  assert.equal(idle.socket.errored, null);
  assert.equal(await drops(short.daemon, 'tcp_message'), 0);
  await using slow = await connect(short);
  slow.socket.write(framed(buildQuery()).subarray(0, 20));
  await slow.end();
  assert.equal(await drops(short.daemon, 'tcp_message'), 1);
});

test('queries beyond the limit per connection wait, and all are answered', async () => {
  const pipelined = 20;
  await using limited = await startEncryptedLab(['127.0.0.1'], '--tcp-pipelined', String(pipelined));
  const { daemon, upstream } = limited;
  const release = Promise.withResolvers<void>();
  const names = Array.from({ length: 60 }, (_, i) => `n${i}.${ZONE}`);
  for (const name of names) {
    limited.behave(name, async (request) => {
      await release.promise;
      return GOOD(request);
    });
  }
  const earlier = upstream.requests.length;
  await using client = await connect(limited);
  client.send(...names.map((name, id) => buildQuery({ id, name })));
  await waitUntil('the limit is reached', PATIENCE_MS, () => upstream.requests.length - earlier >= pipelined);
  await setImmediate();
  assert.equal(await metric(daemon, 'dns4tor_upstream_queue_depth'), pipelined);
  release.resolve();
  const replies = await client.received(names.length);
  assert.deepEqual(
    ids(replies).toSorted((a, b) => a - b),
    names.map((_, id) => id),
  );
});

test('for one more connection than allowed, an idle one is closed', async () => {
  await using limited = await startEncryptedLab(['127.0.0.1'], '--tcp-connections', '2');
  await using stack = new AsyncDisposableStack();
  const clients: TcpClient[] = [];
  for (let i = 0; i < 3; i++) {
    const client = stack.use(await connect(limited));
    await served(client);
    clients.push(client);
  }
  await waitUntil('one is closed', PATIENCE_MS, () => clients.some(({ ended }) => ended));
  assert.equal(await drops(limited.daemon, 'tcp_gave_way'), 1);
  assert.equal(await drops(limited.daemon, 'tls_handshake'), 0);
});

test('a client that never reads is disconnected, while others are served', async () => {
  await using short = await startEncryptedLab(['127.0.0.1'], '--tcp-idle-timeout', '500ms');
  await using deaf = await connect(short);
  await served(deaf);
  deaf.socket.pause();
  // Without back-pressure, their answers would be 23 MB.
  const padding = [{ code: OPTION.padding, data: new Uint8Array(0) }];
  const query = framed(buildQuery({ name: `served.${ZONE}`, edns: { options: padding } }));
  deaf.socket.write(Buffer.concat(Array.from({ length: 50_000 }, () => query)));
  await waitUntil('it is disconnected', 4 * PATIENCE_MS, async () => {
    await using other = await connect(short);
    await served(other);
    return (await drops(short.daemon, 'tcp_unread')) > 0;
  });
});

test('SIGTERM answers the queries in flight and closes with close_notify', async () => {
  await using stopping = await startEncryptedLab();
  const release = Promise.withResolvers<void>();
  stopping.behave(`late.${ZONE}`, async (request) => {
    await release.promise;
    return GOOD(request);
  });
  await using client = await connect(stopping);
  client.send(buildQuery({ name: `late.${ZONE}` }));
  await waitUntil('upstream is asked', PATIENCE_MS, () => stopping.asked(`late.${ZONE}`) === 1);
  stopping.daemon.process.signal('SIGTERM');
  const isRefused = (): Promise<boolean> =>
    connect(stopping).then(
      async (other) => {
        await other[Symbol.asyncDispose]();
        return false;
      },
      () => true,
    );
  await waitUntil('no further connection is accepted', PATIENCE_MS, isRefused);
  release.resolve();
  await client.received(1);
  await client.end();
  assert.equal(client.socket.errored, null);
  assert.equal(await stopping.daemon.process.ended, 0);
});

for (const version of ['ipv4', 'ipv6'] as const) {
  test(`only clients of the access list get a handshake, and each has its own limit of connections (${version})`, () =>
    runNamespaced('dot-clients', version));
}
