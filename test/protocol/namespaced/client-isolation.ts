import assert from 'node:assert/strict';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { ADDRESSES } from '../namespaced.ts';
import { exchange, TRANSPORTS } from '../raw-client.ts';
import { readReply } from '../reply.ts';

const { ipv4, ipv6 } = ADDRESSES;
const listen = [ipv4, ipv6].flatMap(({ server, network }) => ['--address', server, '--allow', network]);
await using lab = await startLab('--isolate', 'client', ...listen);

// Each address has its own connections.
const clientOf = new Map<number | undefined, number>();
const clients = [ipv4, ipv6].flatMap(({ server, second, insider }) =>
  [second, insider].map((from) => ({ port: lab.daemon.port, address: server, from })),
);
for (const transport of TRANSPORTS) {
  for (const [i, client] of clients.entries()) {
    const reply = readReply(await exchange(transport, client, buildQuery({ name: `${transport}-${i}.example` })));
    assert.equal(reply.rcode, 'NOERROR', client.from);
    const connection = lab.upstream.requests.at(-1)?.connection;
    assert.equal(clientOf.get(connection) ?? i, i, `${transport} ${client.from}`);
    clientOf.set(connection, i);
  }
}
assert.equal(new Set(clientOf.values()).size, clients.length);
