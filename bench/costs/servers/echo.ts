// Run by peers.ts. Returns every datagram as a response: the cost of `dgram` alone.
import { createSocket } from 'node:dgram';
import process from 'node:process';

const QR = 0x80;

const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
socket.on('message', (message, { port, address }) => {
  message[2] = (message[2] ?? 0) | QR;
  socket.send(message, port, address);
});
socket.bind(0, '127.0.0.1', () => process.stdout.write(`port ${socket.address().port}\n`));
