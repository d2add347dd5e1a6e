import { createConnection, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { hostileConnection } from '../../fixtures/dns/hostile-connection.ts';

/** What a client does below HTTP and DNS, on many connections at once. */
export interface TlsAttack {
  readonly connections: number;
  /** Resolves when the server has closed the connection, or when the attack has done what it does. */
  readonly run: (target: TlsTarget) => Promise<void>;
  /** Slow rather than loud: the attack goes on beside the others until the server closes its connections. */
  readonly isSlow?: boolean;
}

export interface TlsTarget {
  readonly port: number;
  readonly ca: string;
}

const HOST = '127.0.0.1';
const SLOW_EVERY_MS = 100;
const FLOOD_HANDSHAKES = 30;
/** More than a client ever needs. */
const RENEGOTIATIONS = 1000;

/** The beginning of a TLS record (RFC 8446 §5.1) of 16,384 octets with a handshake message. */
const RECORD = Buffer.of(22, 3, 1, 0x40, 0);
/** A ClientHello (RFC 8446 §4) that is to have 16 MB. */
const HUGE_HELLO = Buffer.of(1, 0xff, 0xff, 0xff, 3, 3);

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

/** Runs what is to be done on a TCP connection, until the server closes it. */
const raw =
  (misbehave: (socket: Socket) => void): TlsAttack['run'] =>
  async ({ port }) => {
    const socket = createConnection({ port, host: HOST });
    socket.on('error', () => {}).on('connect', () => misbehave(socket));
    // Without reading, the end would not be noticed.
    socket.resume();
    await closed(socket);
  };

/** The same on a connection over TLS. */
const secure =
  (misbehave: (socket: TLSSocket) => void, options: { readonly maxVersion?: 'TLSv1.2' } = {}): TlsAttack['run'] =>
  async ({ port, ca }) => {
    const socket = connectTls({ port, host: HOST, ca, ...options });
    socket.on('error', () => socket.destroy()).on('secureConnect', () => misbehave(socket));
    socket.resume();
    await closed(socket);
  };

const flood =
  (beginning: Uint8Array, chunk: Uint8Array): ((socket: Socket) => void) =>
  (socket) => {
    socket.write(beginning);
    hostileConnection(socket).flood(() => chunk);
  };

function renegotiate(socket: TLSSocket, left: number): void {
  if (left === 0 || socket.destroyed) return;
  // An error once the server refuses.
  socket.renegotiate({}, (error) => {
    if (error === null) setImmediate(() => renegotiate(socket, left - 1));
  });
}

/** Attacks below HTTP and DNS, by name. */
export const TLS_ATTACKS: Readonly<Record<string, TlsAttack>> = {
  '1,000 connections that never start a handshake': { connections: 1000, run: raw(() => {}), isSlow: true },
  'a ClientHello of one octet at a time': {
    connections: 50,
    run: raw((socket) => {
      socket.write(RECORD);
      hostileConnection(socket).every(SLOW_EVERY_MS, () => socket.write('\x01'));
    }),
    isSlow: true,
  },
  'a ClientHello of 16 MB': {
    connections: 5,
    run: raw(
      flood(
        Buffer.concat([RECORD, HUGE_HELLO, Buffer.alloc(0x4000 - HUGE_HELLO.length)]),
        Buffer.concat([RECORD, Buffer.alloc(0x4000)]),
      ),
    ),
  },
  'an endless flood of octets that are not TLS': {
    connections: 5,
    run: raw(flood(Buffer.alloc(0), Buffer.alloc(65_536, 0x55))),
  },
  'HTTP without TLS': {
    connections: 20,
    run: raw((socket) => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')),
  },
  'a reset in the middle of the handshake': {
    connections: 300,
    async run({ port, ca }) {
      const tcp = createConnection({ port, host: HOST });
      const tls = connectTls({ socket: tcp, ca });
      tls.on('error', () => {});
      tcp.on('error', () => {});
      // The first data are the server's flight.
      tcp.once('data', () => tcp.resetAndDestroy());
      tcp.once('connect', () => setImmediate(() => setImmediate(() => tcp.resetAndDestroy())));
      await closed(tcp);
    },
  },
  'a flood of handshakes': {
    connections: 20,
    async run(target) {
      for (let i = 0; i < FLOOD_HANDSHAKES; i++) await secure((socket) => socket.destroy())(target);
    },
  },
  'octets that are not TLS after the handshake': {
    connections: 20,
    async run({ port, ca }) {
      const tcp = createConnection({ port, host: HOST });
      const tls = connectTls({ socket: tcp, ca });
      tls.on('error', () => {}).on('secureConnect', () => flood(Buffer.alloc(0), Buffer.alloc(1000, 0x55))(tcp));
      tcp.on('error', () => {});
      tls.resume();
      await closed(tcp);
    },
  },
  'endless renegotiation (CVE-2011-1473)': {
    connections: 10,
    run: secure((socket) => renegotiate(socket, RENEGOTIATIONS), { maxVersion: 'TLSv1.2' }),
  },
  'octets of no protocol over TLS': {
    connections: 10,
    run: secure(flood(Buffer.alloc(0), Buffer.alloc(10_000, 0xff))),
  },
};
