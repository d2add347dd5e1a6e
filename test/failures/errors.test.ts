import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { failureText } from '../../src/failures/failures.ts';
import { toListenError } from '../../src/failures/errors.ts';

/** What the operating system says when a TCP socket is bound there. */
async function listenError(host: string, port: number): Promise<unknown> {
  const server = createServer().listen({ host, port });
  const [error] = await once(server, 'error');
  return error;
}

test('a port that another TCP socket has is in use, with the address and the cause in the error', async () => {
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

test('a port that another UDP socket has is in use', async () => {
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

test('an address that this machine does not have is named as such', async () => {
  const cause = await listenError('192.0.2.1', 0);
  assert.equal(toListenError(cause, '192.0.2.1:0').code, 'ERR_LISTEN_ADDRESS');
});

test('a machine without IPv6 does not have the address', () => {
  const cause = Object.assign(new Error('bind'), { code: 'EAFNOSUPPORT' });
  assert.equal(toListenError(cause, '[::1]:53').code, 'ERR_LISTEN_ADDRESS');
});

test('an address on a missing network interface is reported as not of this machine', async () => {
  const cause = await listenError('fe80::1%not-there', 0);
  assert.equal(toListenError(cause, '[fe80::1%not-there]:53').code, 'ERR_LISTEN_ADDRESS');
});

// Root, as whom tests may run, is refused no port.
test('a missing privilege is named as such', () => {
  for (const code of ['EACCES', 'EPERM']) {
    const cause = Object.assign(new Error('bind'), { code });
    assert.equal(toListenError(cause, '127.0.0.1:53').code, 'ERR_LISTEN_DENIED');
  }
});

test('any other failure is a plain listen error that keeps its cause', () => {
  const causes = [Object.assign(new Error('bind'), { code: 'EMFILE' }), new Error('no code'), 'not an error'];
  for (const cause of causes) {
    const error = toListenError(cause, '127.0.0.1:53');
    assert.equal(error.code, 'ERR_LISTEN');
    assert.equal(error.cause, cause);
  }
});
