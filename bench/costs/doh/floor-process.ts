// Run by encrypted-servers.ts. Node's own TLS and HTTP, which answer every request alike, without any DNS.
import { readFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import process from 'node:process';
import { createServer as createTlsServer } from 'node:tls';
import { frame, MessageReader } from '../../../src/message/wire/framing.ts';
import type { Floor, FloorAnswer } from './encrypted-servers.ts';

const [floor = '', certificatePath = '', keyPath = '', json = ''] = process.argv.slice(2);
const { headers, hasDate, bodyBytes } = JSON.parse(json) as FloorAnswer;
const tls = {
  cert: await readFile(certificatePath),
  key: await readFile(keyPath),
  minVersion: 'TLSv1.2',
} as const;
const body = Buffer.alloc(bodyBytes);
// Not in Node's types.
const options = { endStream: false, sendDate: hasDate };

const ignore = (): void => {};

const FLOORS: Readonly<Record<Floor, () => Server>> = {
  'node:http2 alone': () => {
    const server = createSecureServer(tls);
    server.on('session', (session) => session.on('error', ignore));
    server.on('stream', (stream, { ':method': method }) => {
      const answer = (): void => {
        stream.respond({ ':status': 200, ...headers }, options);
        stream.end(body);
      };
      stream.on('error', ignore);
      if (method !== 'POST') return answer();
      stream.on('data', ignore);
      stream.on('end', answer);
    });
    return server;
  },
  'node:https alone': () =>
    createHttpsServer(tls, (_request, response) => {
      response.sendDate = hasDate;
      response.writeHead(200, headers);
      response.end(body);
    }),
  'node:tls alone': () =>
    createTlsServer({ ...tls, ALPNProtocols: ['dot'] }, (socket) => {
      const reader = new MessageReader();
      socket.setNoDelay(true);
      socket.on('error', ignore);
      socket.on('data', (chunk) => {
        reader.push(chunk);
        for (let query = reader.next(); query !== undefined; query = reader.next()) {
          body.set(query);
          body[2] = 0x81;
          socket.write(frame(body));
        }
      });
    }),
};

const server = FLOORS[floor as Floor]();
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
