import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { type EncryptedLab, startEncryptedLab } from './encrypted-lab.ts';
import { dohTarget } from './honest-clients.ts';
import { assertNoConnections } from './under-attack.ts';

/* The unix socket for a reverse proxy, which passes on what hostile clients send. */

const CONNECTIONS = 400;

let directory: TemporaryDirectory;
let socketPath: string;
let lab: EncryptedLab;
before(async () => {
  directory = await createTemporaryDirectory();
  socketPath = join(directory.path, 'doh');
  const limits = ['--tcp-idle-timeout', '1s', '--tcp-message-timeout', '500ms'];
  lab = await startEncryptedLab(['127.0.0.1'], ...limits, '--doh-plain', `unix:${socketPath}`);
});
after(async () => {
  await lab[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function statusOfQuery(): Promise<number | undefined> {
  const path = dohTarget(buildQuery({ id: 0 }));
  const outgoing = request({ socketPath, path, headers: { host: 'localhost' }, agent: false });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

for (const [what, beginning] of [
  ['say nothing', ''],
  ['begin a request', 'GET / HTTP/1.1\r\n'],
  ['begin the preface of HTTP/2', 'PRI * HTTP/2.0\r\n'],
] as const) {
  test(`a query is answered despite ${CONNECTIONS} connections that ${what}, and the server closes them all`, async () => {
    const closed = Array.from({ length: CONNECTIONS }, () => {
      const socket: Socket = connect(socketPath);
      socket.on('error', () => {});
      socket.resume();
      if (beginning !== '') socket.write(beginning);
      return new Promise((resolve) => socket.once('close', resolve));
    });
    assert.deepEqual([await statusOfQuery(), await statusOfQuery()], [200, 200]);
    await Promise.all(closed);
    await assertNoConnections(lab);
    await assertUnharmed(lab.daemon);
  });
}
