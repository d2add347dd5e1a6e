// The web servers of the lab, and a way to Firefox from outside of its network namespace, in which lab.ts runs this.
// Arguments: PEM files of certificates, each followed by its key: for the sites, for FORGED, and for DOH_ADDRESS.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer, type Http2ServerRequest } from 'node:http2';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import process from 'node:process';
import type { TLSSocket } from 'node:tls';
import { startUnixRelay } from '../../fixtures/unix-relay.ts';
import { serverNameOf } from './client-hello.ts';
import { ADDRESSES, ALLOWED_PORT, DOH_ADDRESS, FORGED, MARIONETTE_PORT, SELFSERV_PORT } from './places.ts';

const [site, forged, own] = [2, 4, 6].map((index) => ({
  cert: readFileSync(process.argv[index] ?? ''),
  key: readFileSync(process.argv[index + 1] ?? ''),
}));
const [HTTP_PORT, HTTPS_PORT] = [80, 443];

/** Tells lab.ts what happened, as a line of JSON. */
function tell(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const page = (how: string, host: string | undefined): string => `<!doctype html>
<meta charset="utf-8"><link rel="icon" href="data:,">
<title>${host}</title>
<p id="how">${how}</p>
`;

const plain = createServer((request, response) => {
  tell({ request: 'http', host: request.headers.host });
  response.setHeader('content-type', 'text/html').end(page('http', request.headers.host));
});

const secure = createSecureServer({ ...site, allowHTTP1: true });
secure.addContext(FORGED, forged ?? {});
const allowed = createSecureServer({ ...own, allowHTTP1: true });
for (const server of [secure, allowed]) {
  server.on('request', (request: Http2ServerRequest, response) => {
    const host = request.headers[':authority'] ?? request.headers.host;
    tell({ request: 'https', host });
    const how = `https, HTTP/${request.httpVersion}, ${(request.socket as TLSSocket).getProtocol()}`;
    response.setHeader('content-type', 'text/html');
    response.end(page(how, host));
  });
  server.on('session', (session) => session.on('error', () => {}));
}

/** In front of the server with Encrypted Client Hello: notes the names that clients send in the clear. */
const hidden = createTcpServer((client: Socket) => {
  const server = connect(SELFSERV_PORT, '127.0.0.1');
  let hello = Buffer.alloc(0);
  const onData = (bytes: Buffer): void => {
    hello = Buffer.concat([hello, bytes]);
    const name = serverNameOf(hello);
    if (name === undefined) return;
    tell({ clear: name });
    client.off('data', onData);
    server.write(hello);
    client.pipe(server);
  };
  client.on('data', onData);
  server.pipe(client);
  for (const [end, other] of [
    [client, server],
    [server, client],
  ] as const) {
    end.on('error', () => {});
    end.on('close', () => other.destroy());
  }
});

for (const [server, port, addresses] of [
  [plain, HTTP_PORT, [ADDRESSES.site, ADDRESSES.site6, ADDRESSES.printer]],
  [secure, HTTPS_PORT, [ADDRESSES.site, ADDRESSES.site6]],
  [allowed, ALLOWED_PORT, [DOH_ADDRESS]],
  [hidden, HTTPS_PORT, [ADDRESSES.hidden]],
] as const) {
  for (const address of addresses) {
    // A server listens once: each further address shares its handler.
    const listener = address === addresses[0] ? server : createTcpServer((socket) => server.emit('connection', socket));
    listener.listen(port, address);
    await once(listener, 'listening');
  }
}
const relay = await startUnixRelay({ host: '127.0.0.1', port: MARIONETTE_PORT });
tell({ relay: relay.path });
