import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { typicalAnswerTo } from './typical-answers.ts';

/** A UDP server that answers every question with {@link typicalAnswerTo}, to fill the caches of resolvers. */
export interface PlainAuthority extends AsyncDisposable {
  readonly port: number;
}

export async function startPlainAuthority(): Promise<PlainAuthority> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(typicalAnswerTo(query), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
