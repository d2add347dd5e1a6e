// Run by doh-upstream.ts in its own process, so that its CPU time does not count.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { startSocksDouble } from '../../../test/tor/socks-double.ts';
import { typicalAnswerTo } from './typical-answers.ts';

// Not the recording DoH server, which would keep a hundred thousand requests.
const [certificatePath = '', keyPath = ''] = process.argv.slice(2);
const server = createSecureServer({ cert: await readFile(certificatePath), key: await readFile(keyPath) });
// Errors of a client that goes away do not matter.
server.on('session', (session) => session.on('error', () => {}));
server.on('stream', (stream) => {
  stream.on('error', () => {});
  buffer(stream).then(
    (query) => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
      stream.end(typicalAnswerTo(query));
    },
    () => {},
  );
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { address } = await startSocksDouble({ target: server.address() as AddressInfo });
if (address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
process.stdout.write(`SOCKS port ${address.port}\n`);
