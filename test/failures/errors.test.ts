import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { toListenError } from '../../src/failures/errors.ts';
import { failureText } from '../../src/failures/failures.ts';

/** The operating system's error for binding a TCP socket. */
async function listenError(host: string, port: number): Promise<unknown> {
  const server = createServer().listen({ host, port });
  const [error] = await once(server, 'error');
  return error;
}

test('a port of another TCP socket is in use; the error has the address and the cause', async () => {
  const holder = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(holder, 'listening');
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is no path
    const { port } = holder.address() as AddressInfo;
    const cause = await listenError('127.0.0.1', port);
    const error = toListenError(cause, `127.0.0.1:${port}`);
    assert.equal(error.code, 'ERR_LISTEN_IN_USE');
    assert.equal(error.detail, `127.0.0.1:${port}`);
    assert.equal(error.message, `127.0.0.1:${port}: ${failureText('ERR_LISTEN_IN_USE')}`);
    assert.equal(error.cause, cause);
  } finally {
    holder.close();
  }
});

test('a port of another UDP socket is in use', async () => {
  const holder = createSocket('udp4').bind({ address: '127.0.0.1', port: 0 });
  await once(holder, 'listening');
  const second = createSocket('udp4').bind({ address: '127.0.0.1', port: holder.address().port });
  try {
    const [cause] = await once(second, 'error');
    assert.equal(toListenError(cause, 'x').code, 'ERR_LISTEN_IN_USE');
  } finally {
    holder.close();
    second.close();
  }
});

test('an address that this machine does not have has its own code', async () => {
  const cause = await listenError('192.0.2.1', 0);
  assert.equal(toListenError(cause, '192.0.2.1:0').code, 'ERR_LISTEN_ADDRESS');
});

test('a machine without IPv6 does not have an IPv6 address', () => {
  const cause = Object.assign(new Error('bind'), { code: 'EAFNOSUPPORT' });
  assert.equal(toListenError(cause, '[::1]:53').code, 'ERR_LISTEN_ADDRESS');
});

test("an address on a missing network interface is not this machine's", async () => {
  const cause = await listenError('fe80::1%not-there', 0);
  assert.equal(toListenError(cause, '[fe80::1%not-there]:53').code, 'ERR_LISTEN_ADDRESS');
});

// Tests may run as root, who can bind any port.
test('a missing privilege has its own code', () => {
  for (const code of ['EACCES', 'EPERM']) {
    const cause = Object.assign(new Error('bind'), { code });
    assert.equal(toListenError(cause, '127.0.0.1:53').code, 'ERR_LISTEN_DENIED');
  }
});

test('any other failure is ERR_LISTEN with its cause', () => {
  const causes = [Object.assign(new Error('bind'), { code: 'EMFILE' }), new Error('no code'), 'not an error'];
  for (const cause of causes) {
    const error = toListenError(cause, '127.0.0.1:53');
    assert.equal(error.code, 'ERR_LISTEN');
    assert.equal(error.cause, cause);
  }
});
