// A server for DNS over TLS whose answer to every question is 192.0.2.1, if it may be: `node dot-answers.ts DIRECTORY
// ADDRESS`, where the directory has cert.pem and key.pem.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createServer } from 'node:tls';
import { AUTHORITATIVE_ANSWER, decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED } from 'dns-packet';
import { framed } from '../fixtures/dns/stream-server.ts';

const DOT_PORT = 853;
const [directory = '', address = ''] = process.argv.slice(2);
const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(directory, name)));

function answer(query: Buffer): Buffer {
  const { id, questions = [] } = decode(query);
  return encode({
    type: 'response',
    id: id ?? 0,
    flags: RECURSION_DESIRED | RECURSION_AVAILABLE | AUTHORITATIVE_ANSWER,
    questions,
    answers: questions.flatMap(({ name, type }) => (type === 'A' ? [{ name, type, ttl: 60, data: '192.0.2.1' }] : [])),
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 1232,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
}

const server = createServer({ cert, key }, (socket) => {
  let pending = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      socket.write(framed(answer(pending.subarray(2, end))));
      pending = pending.subarray(end);
    }
  });
});
server.listen(DOT_PORT, address, () => process.stdout.write('listening\n'));
