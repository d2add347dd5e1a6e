// Runs a resolver behind a real onion in a private Tor network, for clients outside loopback, in a network namespace.
// Prints its progress to stdout and finally, on a line that starts with `ready`, its addresses.
import { once } from 'node:events';
import process from 'node:process';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { startAuthoritativeServer } from '../fixtures/dns/authoritative-server.ts';
import { startDohServer } from '../fixtures/dns/doh-server.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { startTorNetwork } from '../fixtures/tor/tor-network.ts';

const [, , relayHost = ''] = process.argv;
const terminated = once(process, 'SIGTERM');

await using ca = await createCertificateAuthority();
const onionKey = createOnionKey();
await using authority = await startAuthoritativeServer();
// `dns4tor install` queries names in it.
const certificate = await ca.issue([onionKey.address]);
await using doh = await startDohServer({ authority, certificate, emptyZone: 'com.' });
const onProgress = (step: string): void => void process.stdout.write(`${step}\n`);
await using network = await startTorNetwork({ onionTarget: doh, onionKey, relayHost, onProgress });
const { clientTorrc } = network;
const upstream = `https://${network.onion}${doh.path}`;
process.stdout.write(`ready ${JSON.stringify({ upstream, caPath: ca.certificatePath, clientTorrc })}\n`);
await terminated;
