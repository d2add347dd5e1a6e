import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { runCli } from '../../cli/run-cli.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { startLab } from '../lab.ts';
import { runNamespaced } from '../namespaced.ts';
import { exchange, TRANSPORTS, testOverBoth } from '../raw-client.ts';
import { readReply } from '../reply.ts';

/*
 * The addresses on which dns4tor listens, the clients that it answers, and the source addresses of its replies. The
 * clients' sockets are connected, so they receive only replies from the queried address and port.
 */

const LOOPBACK = ['127.0.0.1', '127.0.0.2', '::1'];
const lab = await startLab(...LOOPBACK.flatMap((address) => ['--address', address]));
after(() => lab[Symbol.asyncDispose]());

testOverBoth(
  'RFC 2181 §4.1: with several addresses, a reply comes from the queried one, answered locally or by upstream',
  async (transport) => {
    const asked = [...LOOPBACK, ...LOOPBACK.toReversed()];
    const replies = await Promise.all(
      asked.map((address, id) => {
        // One of three is answered locally, one from the cache, and one by upstream.
        const name = ['localhost', 'shared.example', `own-${id}-${transport}.example`][id % 3];
        return exchange(transport, { port: lab.daemon.port, address }, buildQuery({ id, name: name ?? '' }));
      }),
    );
    for (const [id, reply] of replies.map(readReply).entries()) {
      assert.deepEqual([reply.id, reply.rcode, reply.answers.length], [id, 'NOERROR', 1], asked[id]);
    }
  },
);

test('RFC 2181 §4.1: on 0.0.0.0 and ::, a reply comes from the queried address (UDP and TCP, IPv4 and IPv6)', () =>
  runNamespaced('wildcard'));

for (const version of ['ipv4', 'ipv6'] as const) {
  for (const transport of TRANSPORTS) {
    test(`RFC 5358 §4: with --allow, clients on the list are answered; others get no reply and are counted (${transport.toUpperCase()}, ${version})`, () =>
      runNamespaced('allow-list', transport, version));
  }
}

for (const address of ['192.0.2.1', '2001:db8::1', '0.0.0.0', '::']) {
  test(`RFC 5358 §4, RFC 5625 §6.2: --address ${address} without --allow is refused at start, with the reason`, async () => {
    const { message } = await refusalToStart('--address', address, '--tor-socks', '127.0.0.1:1');
    assert.match(message, /ended \(2\)/);
    assert.match(message, new RegExp(`--address ${address.replaceAll('.', '\\.')}: [^\n]*--allow`));
    assert.doesNotMatch(message, /Starting/);
  });
}

test('RFC 4007 §11: a link-local address with its interface works for DNS, metrics and Tor (UDP and TCP)', () =>
  runNamespaced('link-local'));

test('RFC 4007 §11: a link-local address without its interface is refused at start, with a remedy', async () => {
  for (const [flag, value, remedy] of [
    ['--address', 'fe80::1', 'fe80::1%eth0'],
    ['--address', '[FE80::1]', 'FE80::1%eth0'],
    ['--metrics', '[fe80::1]:9053', '[fe80::1%eth0]:9053'],
    ['--tor-socks', '[fe80::1]:9050', '[fe80::1%eth0]:9050'],
    ['--tor-control', '[fe80::1]:9051', '[fe80::1%eth0]:9051'],
  ] as const) {
    const { code, stderr } = await runCli(['proxy-dns', '--check', '--allow', 'fe80::/10', flag, value]);
    assert.equal(code, 2, value);
    assert.ok(stderr.includes(remedy), stderr);
  }
});

/** The exit status and output of a daemon that did not start. */
async function refusalToStart(...args: readonly string[]): Promise<Error> {
  try {
    await using daemon = await startDaemon(args);
    assert.fail(`it listens on port ${daemon.port}`);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

test('RFC 5625 §6.2: without --address, dns4tor listens on localhost', async () => {
  const { code, stdout } = await runCli(['proxy-dns', '--check']);
  assert.equal(code, 0);
  assert.match(stdout, /^address = \["localhost"\] +# default$/m);
});

test('RFC 5625 §6.2: on localhost, it answers on loopback addresses and on no other address (UDP and TCP)', () =>
  runNamespaced('loopback-only'));
