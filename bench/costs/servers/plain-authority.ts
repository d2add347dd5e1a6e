import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { frame, MessageReader } from '../../../src/message/wire/framing.ts';
import { reservePort } from '../../../test/fixtures/process/reserve-port.ts';
import { typicalAnswerTo } from './typical-answers.ts';

/**
 * A server that answers every question over UDP and TCP with {@link typicalAnswerTo}, to fill the caches of resolvers.
 */
export interface PlainAuthority extends AsyncDisposable {
  readonly port: number;
}

export async function startPlainAuthority(): Promise<PlainAuthority> {
  const datagrams = createSocket('udp4');
  datagrams.on('message', (query, { port, address }) => datagrams.send(typicalAnswerTo(query), port, address));
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    const reader = new MessageReader();
    socket.on('error', () => {});
    socket.on('close', () => connections.delete(socket));
    socket.on('data', (chunk) => {
      reader.push(chunk);
      for (let query = reader.next(); query !== undefined; query = reader.next()) {
        socket.write(frame(typicalAnswerTo(query)));
      }
    });
  });
  const reservation = await reservePort();
  const { port } = reservation;
  await reservation.release();
  datagrams.bind(port, '127.0.0.1');
  server.listen(port, '127.0.0.1');
  await Promise.all([once(datagrams, 'listening'), once(server, 'listening')]);
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.destroy();
      await Promise.all([
        new Promise<void>((resolve) => datagrams.close(() => resolve())),
        new Promise<void>((resolve) => server.close(() => resolve())),
      ]);
    },
  };
}
