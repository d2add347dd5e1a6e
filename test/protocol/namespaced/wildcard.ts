import assert from 'node:assert/strict';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { ADDRESSES } from '../namespaced.ts';
import { exchange, TRANSPORTS } from '../raw-client.ts';
import { readReply } from '../reply.ts';

const { ipv4, ipv6 } = ADDRESSES;
const wildcards = ['--address', '0.0.0.0', '--address', '::'];
await using lab = await startLab(...wildcards, '--allow', ipv4.network, '--allow', ipv6.network);

for (const transport of TRANSPORTS) {
  // The kernel would not choose this address for a reply by itself.
  for (const { server, second, insider } of [ipv4, ipv6]) {
    for (const address of [server, second, insider]) {
      for (const name of ['localhost', `${transport}.example`]) {
        const endpoint = { port: lab.daemon.port, address, from: insider };
        const reply = readReply(await exchange(transport, endpoint, buildQuery({ name })));
        assert.deepEqual([reply.rcode, reply.answers.length], ['NOERROR', 1], `${transport} ${address} ${name}`);
      }
    }
  }
}
