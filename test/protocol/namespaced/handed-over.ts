import assert from 'node:assert/strict';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import type { DigReply } from '../../fixtures/dns/dig.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import type { SocketSpec } from '../../fixtures/process/hand-over.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { METRICS, startHandedOver } from '../handed-over.ts';
import { sumOf } from '../lab.ts';
import { ADDRESSES } from '../namespaced.ts';
import { connectRaw, exchange, TRANSPORTS } from '../raw-client.ts';
import { readReply } from '../reply.ts';

const { network, server, insider, outsider } = ADDRESSES.ipv4;
await using authority = await createCertificateAuthority();
const { certificatePath, keyPath } = await authority.issue([server]);
const args = ['--allow', network, '--tls-cert', certificatePath, '--tls-key', keyPath];
const encrypted = ['dot', 'doh'].map((name): SocketSpec => `${name}=tcp=${server}`);
await using running = await startHandedOver(
  [`dns=udp=${server}`, `dns=tcp=${server}`, METRICS, ...encrypted],
  {},
  args,
);
const { daemon } = running;
const endpoint = { port: daemon.port, address: server };
const query = buildQuery({ name: 'localhost' });

async function isDropped(count: number): Promise<void> {
  await waitUntil('the stranger is counted', PATIENCE_MS, async () => {
    const { body } = await daemon.page('/metrics');
    return sumOf(body, 'dns4tor_dropped_total', { reason: 'not_allowed' }) === count;
  });
}

for (const [index, transport] of TRANSPORTS.entries()) {
  await using stranger = await connectRaw(transport, { ...endpoint, from: outsider });
  stranger.send(query);
  await isDropped(index + 1);
  assert.equal(readReply(await exchange(transport, { ...endpoint, from: insider }, query)).answers.length, 1);
  assert.deepEqual(stranger.messages, []);
}

for (const [index, [scheme, option]] of [
  ['tls', '+tls'],
  ['https', '+https'],
].entries()) {
  const port = new RegExp(`\\baddress=${scheme}://[^:]+:(\\d+)`).exec(daemon.process.output)?.[1] ?? '';
  const ask = (from: string): Promise<DigReply> =>
    kdig('-b', from, `@${server}`, '-p', port, option ?? '', `+tls-ca=${authority.certificatePath}`, 'localhost');
  await assert.rejects(ask(outsider));
  await isDropped(TRANSPORTS.length + index + 1);
  assert.equal((await ask(insider)).answer.length, 1, scheme);
}
