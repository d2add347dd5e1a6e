// A DHCP client (RFC 2131): takes a lease over the only interface, and prints the address and the DNS servers as JSON.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import process from 'node:process';

const [SERVER_PORT, CLIENT_PORT] = [67, 68];
const HARDWARE_ADDRESS = Uint8Array.of(2, 0, 0, 0, 0, 7);
const TRANSACTION = 0x1703;
/** Set in the flags: the client has no address yet, so replies must be broadcast. */
const BROADCAST = 0x8000;
const MAGIC_COOKIE = Uint8Array.of(99, 130, 83, 99);
/** Offsets in a message, and its length before the options. */
const [AT_FLAGS, AT_YOUR_ADDRESS, AT_HARDWARE_ADDRESS, FIXED_LENGTH] = [10, 16, 28, 236];
/** Options (RFC 2132), and the types of messages. */
const [DNS_SERVERS, REQUESTED_ADDRESS, MESSAGE_TYPE, SERVER, REQUESTED_OPTIONS, END] = [6, 50, 53, 54, 55, 255];
const [DISCOVER, REQUEST] = [1, 3];

const socket = createSocket('udp4');
socket.bind(CLIENT_PORT);
await once(socket, 'listening');
socket.setBroadcast(true);
const offer = await exchange(DISCOVER);
const address = offer.subarray(AT_YOUR_ADDRESS, AT_YOUR_ADDRESS + 4);
const acknowledgement = await exchange(REQUEST, [REQUESTED_ADDRESS, address], [SERVER, optionOf(offer, SERVER)]);
socket.close();
const servers = optionOf(acknowledgement, DNS_SERVERS);
process.stdout.write(
  JSON.stringify({
    address: address.join('.'),
    servers: Array.from({ length: servers.length / 4 }, (_, index) =>
      servers.subarray(4 * index, 4 * index + 4).join('.'),
    ),
  }),
);

/** Broadcasts a message that asks for DNS servers, and resolves with the reply. */
async function exchange(
  type: number,
  ...options: readonly (readonly [code: number, value: Buffer])[]
): Promise<Buffer> {
  const head = Buffer.alloc(FIXED_LENGTH);
  head.set([1, 1, HARDWARE_ADDRESS.length]);
  head.writeUInt32BE(TRANSACTION, 4);
  head.writeUInt16BE(BROADCAST, AT_FLAGS);
  head.set(HARDWARE_ADDRESS, AT_HARDWARE_ADDRESS);
  const more = options.flatMap(([code, value]) => [code, value.length, ...value]);
  const tail = Uint8Array.of(MESSAGE_TYPE, 1, type, REQUESTED_OPTIONS, 1, DNS_SERVERS, ...more, END);
  const reply = once(socket, 'message');
  socket.send(Buffer.concat([head, MAGIC_COOKIE, tail]), SERVER_PORT, '255.255.255.255');
  const [message] = (await reply) as [Buffer];
  return message;
}

function optionOf(message: Buffer, wanted: number): Buffer {
  let at = FIXED_LENGTH + MAGIC_COOKIE.length;
  while (message[at] !== END) {
    const [code, length = 0] = message.subarray(at, at + 2);
    if (code === wanted) return message.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
  throw new Error(`the reply has no option ${wanted}`);
}
