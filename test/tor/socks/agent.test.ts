import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { Deadline } from '../../../src/lib/deadline.ts';
import type { TorAddress } from '../../../src/model/tor-address.ts';
import { TorAgent, type TorAgentOptions } from '../../../src/tor/socks/agent.ts';
import { type JudgePeer, judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { listen } from '../listen.ts';
import { startSocksDouble } from '../socks-double.ts';

const CREDENTIALS = { username: 'alice', password: 'secret' };

function createAgent(socks: TorAddress, options: Partial<TorAgentOptions> = {}): TorAgent {
  return new TorAgent({ socks, credentials: CREDENTIALS, clock: systemClock, judgePeer: judgeManagedTor, ...options });
}

function soon(): Deadline {
  return Deadline.after(systemClock, 10_000);
}

const REPLIES: readonly (readonly [number, ErrorCode])[] = [
  [0x01, 'ERR_TOR_GENERAL'],
  [0x02, 'ERR_TOR_NOT_ALLOWED'],
  [0x03, 'ERR_TOR_NETWORK_UNREACHABLE'],
  [0x04, 'ERR_TOR_HOST_UNREACHABLE'],
  [0x05, 'ERR_TOR_PORT_REFUSED'],
  [0x06, 'ERR_TOR_CIRCUIT_EXPIRED'],
  [0x08, 'ERR_TOR_GENERAL'],
  [0xf0, 'ERR_TOR_HS_DESC_NOT_FOUND'],
  [0xf1, 'ERR_TOR_HS_DESC_INVALID'],
  [0xf2, 'ERR_TOR_HS_INTRO_FAILED'],
  [0xf3, 'ERR_TOR_HS_REND_FAILED'],
  [0xf4, 'ERR_TOR_HS_AUTH_MISSING'],
  [0xf5, 'ERR_TOR_HS_AUTH_WRONG'],
  [0xf6, 'ERR_TOR_HS_BAD_ADDRESS'],
  [0xf7, 'ERR_TOR_HS_INTRO_TIMEOUT'],
];

for (const byByte of [false, true]) {
  test(`each reply byte of Tor maps to its error code, ${byByte ? 'sent byte by byte' : 'in one chunk'}`, async () => {
    for (const [reply, code] of REPLIES) {
      await using proxy = await startSocksDouble({ reply, byByte });
      const outcomes: string[] = [];
      const agent = createAgent(proxy.address, { onDial: (outcome) => outcomes.push(outcome) });
      await assert.rejects(agent.dial('onion.test', 443, soon()), { code, name: 'Dns4torError' });
      assert.deepEqual(outcomes, [code]);
      await proxy.deserted();
    }
  });
}

test('the message for an unknown reply byte contains it', async () => {
  await using proxy = await startSocksDouble({ reply: 0x3c });
  await assert.rejects(createAgent(proxy.address).dial('onion.test', 443, soon()), {
    code: 'ERR_TOR_GENERAL',
    message: /onion\.test:443.*127\.0\.0\.1:\d+.*0x3c/,
  });
});

test('names go to the proxy as names, addresses as addresses, both with the credentials', async () => {
  await using proxy = await startSocksDouble();
  const agent = createAgent(proxy.address);
  for (const host of ['localhost', '127.0.0.2', '::2']) (await agent.dial(host, 8443, soon())).socket.destroy();

  const common = { ...CREDENTIALS, command: 1, port: 8443 };
  assert.deepEqual(proxy.requests, [
    { ...common, addressType: 3, host: 'localhost' },
    { ...common, addressType: 1, host: '7f000002' },
    { ...common, addressType: 4, host: '00000000000000000000000000000002' },
  ]);
});

test('the proxy can listen on a unix socket', async () => {
  await using directory = await createTemporaryDirectory();
  await using proxy = await startSocksDouble({ path: join(directory.path, 'socks') });
  const { socket } = await createAgent(proxy.address).dial('onion.test', 443, soon());
  socket.destroy();
  assert.equal(proxy.requests[0]?.host, 'onion.test');
});

test('an open stream carries bytes both ways and keeps no listener or time-out of the handshake', async () => {
  await using proxy = await startSocksDouble();
  const { socket } = await createAgent(proxy.address).dial('onion.test', 443, soon());
  const leftOver = ['data', 'error', 'timeout', 'connect'].filter((event) => socket.listenerCount(event) > 0);
  assert.deepEqual(leftOver, []);
  assert.equal(socket.timeout ?? 0, 0);

  socket.write('ping');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'ping');
  socket.destroy();
});

test('a missing proxy is unreachable', async () => {
  const reserved = await reservePort();
  await reserved.release();
  const dead: TorAddress[] = [
    { kind: 'tcp', host: '127.0.0.1', port: reserved.port },
    { kind: 'unix', path: '/nonexistent/socks' },
  ];
  for (const address of dead) {
    await assert.rejects(createAgent(address).dial('onion.test', 443, soon()), {
      code: 'ERR_TOR_UNREACHABLE',
      message: /\((ECONNREFUSED|ENOENT)\)/,
    });
  }
});

test('a proxy that closes the connection before its reply is unreachable', async () => {
  await using proxy = await startSocksDouble({ reply: 'hang up' });
  await assert.rejects(createAgent(proxy.address).dial('onion.test', 443, soon()), { code: 'ERR_TOR_UNREACHABLE' });
});

test('a listener that does not speak SOCKS5 is distinguished from Tor', async () => {
  await using web = await listen(createHttpServer());
  await assert.rejects(createAgent(web.address).dial('onion.test', 443, soon()), { code: 'ERR_TOR_NOT_SOCKS' });

  await using garbled = await startSocksDouble({ reply: Buffer.from('HTTP/1.1 400 Bad Request') });
  await assert.rejects(createAgent(garbled.address).dial('onion.test', 443, soon()), { code: 'ERR_TOR_NOT_SOCKS' });
});

test('another user’s program receives neither the destination nor the credentials', async () => {
  const heard: Buffer[] = [];
  const { promise: left, resolve } = Promise.withResolvers<void>();
  const server = createServer((client) => {
    client.on('error', () => {}).on('close', () => resolve());
    client.on('data', (chunk) => heard.push(chunk)).write('early');
  });
  await using foreign = await listen(server);
  const agent = createAgent(foreign.address, { judgePeer: async () => 'foreign' });
  await assert.rejects(agent.dial('onion.test', 443, soon()), { code: 'ERR_TOR_FOREIGN' });
  await left;
  assert.deepEqual(heard, []);
});

test('the deadline or a closed connection ends a dial that waits for the judgement of its peer', async () => {
  const never = { judgePeer: () => new Promise<never>(() => {}) };
  await using proxy = await startSocksDouble();
  const clock = new ManualClock();
  const asked = Promise.withResolvers<void>();
  const judgePeer: JudgePeer = () => {
    asked.resolve();
    return never.judgePeer();
  };
  const dial = createAgent(proxy.address, { judgePeer, clock }).dial('onion.test', 443, Deadline.after(clock, 5000));
  const refused = assert.rejects(dial, { code: 'ERR_TOR_TIMEOUT' });
  await asked.promise;
  clock.advance(5000);
  await refused;
  assert.equal(clock.pendingTimers, 0);
  await proxy.deserted();

  await using gone = await listen(createServer((client) => client.resetAndDestroy()));
  await assert.rejects(createAgent(gone.address, never).dial('onion.test', 443, soon()), {
    code: 'ERR_TOR_UNREACHABLE',
  });
});

test('a stream reports whether Tor is known to carry it', async () => {
  await using proxy = await startSocksDouble();
  for (const standing of ['tor', 'unknown'] as const) {
    const stream = await createAgent(proxy.address, { judgePeer: async () => standing }).dial(
      'onion.test',
      443,
      soon(),
    );
    assert.equal(stream.standing, standing);
    stream.socket.destroy();
  }
});

test('a proxy that takes no credentials is rejected, because it would not isolate streams', async () => {
  await using proxy = await startSocksDouble({ method: 0 });
  await assert.rejects(createAgent(proxy.address).dial('onion.test', 443, soon()), { code: 'ERR_TOR_NOT_SOCKS' });
  await proxy.deserted();
});

test('the deadline ends a dial during the handshake and closes its socket', async () => {
  await using proxy = await startSocksDouble({ reply: 'silence' });
  const clock = new ManualClock();
  const requested = proxy.nextRequest();
  const dial = createAgent(proxy.address, { clock }).dial('onion.test', 443, Deadline.after(clock, 5_000));
  await requested;
  clock.advance(4_999);
  assert.equal(clock.pendingTimers, 1);
  clock.advance(1);
  await assert.rejects(dial, { code: 'ERR_TOR_TIMEOUT' });
  assert.equal(clock.pendingTimers, 0);
  await proxy.deserted();
});

test('a dial can be aborted', async () => {
  await using proxy = await startSocksDouble({ reply: 'silence' });
  const shutdown = new AbortController();
  const agent = createAgent(proxy.address);
  const requested = proxy.nextRequest();
  const dial = agent.dial('onion.test', 443, soon(), shutdown.signal);
  await requested;
  shutdown.abort();
  await assert.rejects(dial, { code: 'ERR_SHUTDOWN' });
  await proxy.deserted();
  await assert.rejects(agent.dial('onion.test', 443, soon(), shutdown.signal), { code: 'ERR_SHUTDOWN' });
  assert.equal(proxy.requests.length, 1);
});

test('the agent also serves node:http', async () => {
  await using web = await listen(createHttpServer((_request, response) => response.end('through the proxy')));
  await using proxy = await startSocksDouble({ target: web });

  const request = get('http://onion.test/', { agent: createAgent(proxy.address) });
  const [response] = await once(request, 'response');
  assert.equal(await new Response(response).text(), 'through the proxy');
  assert.deepEqual(proxy.requests, [{ ...CREDENTIALS, command: 1, addressType: 3, host: 'onion.test', port: 80 }]);
});
