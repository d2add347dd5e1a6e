import { once } from 'node:events';
import { connect } from 'node:tls';
import { type HostileConnection, hostileConnection } from '../../fixtures/dns/hostile-connection.ts';
import { FLAG, FRAME, frame, settings, splitFrames } from '../../fixtures/dns/http2-frames.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A connection of an HTTP/2 client that writes raw frames. */
export interface HostileHttp2Client extends HostileConnection {
  /** How many frames of each type have been received. */
  readonly received: Readonly<Record<number, number>>;
  /** Whether the server has ended the connection or told to end it with GOAWAY. */
  readonly turnedAway: boolean;
}

export interface Http2ClientInit {
  readonly port: number;
  readonly ca: string;
  /** The first frame after the connection preface. @default SETTINGS without settings */
  readonly greeting?: Uint8Array;
  /** Whether the server's SETTINGS are acknowledged. @default true */
  readonly acknowledges?: boolean;
  /** Whether anything is read. @default true */
  readonly reads?: boolean;
}

/** Connects and sends the connection preface. */
export async function connectHostileHttp2(init: Http2ClientInit): Promise<HostileHttp2Client> {
  const { port, ca, greeting = settings(), acknowledges = true, reads = true } = init;
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  const received: Record<number, number> = {};
  let rest: Buffer = Buffer.alloc(0);
  if (reads) {
    socket.on('data', (chunk: Buffer) => {
      const split = splitFrames(Buffer.concat([rest, chunk]));
      ({ rest } = split);
      for (const { type, flags } of split.frames) {
        received[type] = (received[type] ?? 0) + 1;
        const isGreeting = type === FRAME.settings && (flags & FLAG.ack) === 0;
        if (acknowledges && isGreeting && socket.writable) socket.write(frame(FRAME.settings, FLAG.ack, 0));
      }
    });
  }
  socket.write(Buffer.concat([PREFACE, greeting]));
  return {
    ...hostileConnection(socket),
    received,
    get turnedAway() {
      return socket.destroyed || (received[FRAME.goaway] ?? 0) > 0;
    },
  };
}
