import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { exchange, TRANSPORTS } from '../raw-client.ts';
import { readReply } from '../reply.ts';

const ip = (...args: readonly string[]): Promise<string> => runProgram('ip', args);
const ADDRESS = 'fe80::1%near';

await ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
await ip('link', 'set', 'far', 'up');
await ip('link', 'set', 'near', 'up');
await ip('address', 'add', 'fe80::1/64', 'dev', 'near', 'nodad');

await using socks = await startSocksDouble({ reply: 'hang up' });
const proxy = createServer((client) => {
  if (socks.address.kind !== 'tcp') return;
  const server = connect(socks.address.port, socks.address.host);
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const) {
    // The SOCKS double hangs up, with or without a reset.
    socket.pipe(other).on('error', () => socket.destroy());
  }
});
proxy.listen({ host: ADDRESS, port: 0 });
await once(proxy, 'listening');
const { port: proxyPort } = proxy.address() as AddressInfo;

for (const udpIo of ['dgram', 'batch']) {
  const before = socks.requests.length;
  await using daemon = await startDaemon([
    '--address',
    ADDRESS,
    '--allow',
    'fe80::/10',
    '--udp-io',
    udpIo,
    '--metrics',
    `[${ADDRESS}]:`,
    '--tor-socks',
    `[${ADDRESS}]:${proxyPort}`,
  ]);
  for (const transport of TRANSPORTS) {
    const endpoint = { port: daemon.port, address: ADDRESS, from: ADDRESS };
    const reply = readReply(await exchange(transport, endpoint, buildQuery({ name: 'localhost' })));
    assert.equal(reply.answers.length, 1, `${udpIo} ${transport}`);
  }
  const port = Number(/:(\d+)$/.exec(daemon.metricsAddress)?.[1]);
  const [page] = (await once(get({ host: ADDRESS, port, path: '/healthcheck' }), 'response')) as [IncomingMessage];
  assert.equal(page.resume().statusCode, 200);
  await waitUntil('Tor is reached at its link-local address', PATIENCE_MS, () => socks.requests.length > before);
}
proxy.close();
