import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { Deadline } from '../../../src/lib/deadline.ts';
import type { TorAddress } from '../../../src/model/tor-address.ts';
import { TorAgent, type TorStream } from '../../../src/tor/socks/agent.ts';
import { verifyTor } from '../../../src/tor/socks/find-socks.ts';
import { judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { createTorConnector } from '../../../src/tor/tls/connector.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { listen } from '../listen.ts';

/*
 * Hostile or broken programs at Tor's address. Whatever they do, a dial ends by its deadline with a code and closes the
 * socket.
 */

const DEADLINE_MS = 10_000;
/** Only a failing test reaches this. */
const PATIENCE_MS = 5_000;
/** Far larger than the kernel's buffers of both ends. */
const MAX_SENT_BYTES = 64 * 1024 * 1024;

const METHOD = Uint8Array.of(5, 2);
const AUTHENTICATED = Uint8Array.of(1, 0);
const GRANTED = Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0);

type Act = Uint8Array | 'close' | 'reset' | 'silence' | 'flood' | readonly [Uint8Array, 'close' | 'flood'];

interface Hostile extends AsyncDisposable {
  readonly address: TorAddress;
  /** Number of connected clients. */
  readonly clients: number;
  /** Resolves once the client has sent enough messages to reach the last act. */
  readonly reached: Promise<void>;
  readonly sentBytes: number;
}

/**
 * @param acts the first runs on connection, each further one after a message of the client
 * @param unit repeated bytes of a flood
 */
async function startHostile(acts: readonly Act[], unit: Uint8Array = new Uint8Array(65_536)): Promise<Hostile> {
  const clients = new Set<Socket>();
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  let sentBytes = 0;
  const flood = (client: Socket): void => {
    const pour = (): void => {
      while (!client.destroyed) {
        sentBytes += unit.length;
        if (!client.write(unit)) return;
      }
    };
    client.on('drain', pour);
    pour();
  };
  const perform = (client: Socket, act: Act | undefined): void => {
    if (act instanceof Uint8Array) return void client.write(act);
    if (act === 'close') return void client.end();
    if (act === 'reset') return void client.resetAndDestroy();
    if (act === 'flood') return flood(client);
    if (act === undefined || act === 'silence') return;
    const [bytes, then] = act;
    client.write(bytes);
    perform(client, then);
  };
  const server = createServer({ noDelay: true }, (client) => {
    clients.add(client.on('error', () => {}).on('close', () => clients.delete(client)));
    let heard = 0;
    const next = (): void => {
      perform(client, acts[heard]);
      heard++;
      if (heard === acts.length) resolve();
    };
    client.on('data', next);
    next();
  });
  const listening = await listen(server);
  return {
    address: listening.address,
    get clients() {
      return clients.size;
    },
    reached,
    get sentBytes() {
      return sentBytes;
    },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

function dial(socks: TorAddress, clock: Clock = systemClock): Promise<TorStream> {
  const agent = new TorAgent({
    socks,
    credentials: { username: 'u', password: 'p' },
    clock,
    judgePeer: judgeManagedTor,
  });
  return agent.dial('onion.test', 443, Deadline.after(clock, DEADLINE_MS));
}

async function assertLetGo(hostile: Hostile): Promise<void> {
  await waitUntil('the connection is closed', PATIENCE_MS, () => hostile.clients === 0);
  assert.ok(hostile.sentBytes < MAX_SENT_BYTES, `${hostile.sentBytes} octets were taken`);
}

const NOTHING = new Uint8Array(0);
const UNREACHABLE: ErrorCode = 'ERR_TOR_UNREACHABLE';
const NOT_SOCKS: ErrorCode = 'ERR_TOR_NOT_SOCKS';

const ENDINGS: readonly (readonly [string, readonly Act[], ErrorCode])[] = [
  ['closes at once', ['close'], UNREACHABLE],
  ['resets at once', ['reset'], UNREACHABLE],
  ['floods at once', ['flood'], NOT_SOCKS],
  ['closes after the greeting', [NOTHING, 'close'], UNREACHABLE],
  ['resets after the greeting', [NOTHING, 'reset'], UNREACHABLE],
  ['floods after the greeting', [NOTHING, 'flood'], NOT_SOCKS],
  ['answers half of the greeting', [NOTHING, [Uint8Array.of(5), 'close']], UNREACHABLE],
  ['speaks SOCKS4', [NOTHING, Uint8Array.of(4, 2)], NOT_SOCKS],
  ['accepts no method', [NOTHING, Uint8Array.of(5, 0xff)], NOT_SOCKS],
  ['wants GSSAPI', [NOTHING, Uint8Array.of(5, 1)], NOT_SOCKS],
  ['closes after the credentials', [NOTHING, METHOD, 'close'], UNREACHABLE],
  ['resets after the credentials', [NOTHING, METHOD, 'reset'], UNREACHABLE],
  ['refuses the credentials', [NOTHING, METHOD, Uint8Array.of(1, 1)], NOT_SOCKS],
  ['floods after the credentials', [NOTHING, METHOD, [AUTHENTICATED, 'flood']], NOT_SOCKS],
  ['closes after the request', [NOTHING, METHOD, AUTHENTICATED, 'close'], UNREACHABLE],
  ['resets after the request', [NOTHING, METHOD, AUTHENTICATED, 'reset'], UNREACHABLE],
  ['replies with the version alone', [NOTHING, METHOD, AUTHENTICATED, [Uint8Array.of(5), 'close']], UNREACHABLE],
  ['replies with another version', [NOTHING, METHOD, AUTHENTICATED, [Uint8Array.of(4, 0, 0, 1), 'flood']], NOT_SOCKS],
  ['cuts off a granting reply', [NOTHING, METHOD, AUTHENTICATED, [GRANTED.subarray(0, 7), 'close']], UNREACHABLE],
  [
    'cuts off a refusal',
    [NOTHING, METHOD, AUTHENTICATED, [Uint8Array.of(5, 0xf2), 'close']],
    'ERR_TOR_HS_INTRO_FAILED',
  ],
  ['floods after a refusal', [NOTHING, METHOD, AUTHENTICATED, [Uint8Array.of(5, 1, 0, 1), 'flood']], 'ERR_TOR_GENERAL'],
  ['sends an unknown address type', [NOTHING, METHOD, AUTHENTICATED, [GRANTED.with(3, 2), 'flood']], NOT_SOCKS],
];

for (const [what, acts, code] of ENDINGS) {
  test(`a proxy that ${what}: ${code}, and the connection is closed`, async () => {
    await using hostile = await startHostile(acts);
    await assert.rejects(dial(hostile.address), { code, name: 'Dns4torError' });
    await assertLetGo(hostile);
  });
}

test('a proxy that goes silent at any stage is abandoned at the deadline', async () => {
  const stages: readonly Act[] = [NOTHING, METHOD, AUTHENTICATED, GRANTED.subarray(0, 5)];
  for (let answered = 1; answered <= stages.length; answered++) {
    await using hostile = await startHostile(stages.slice(0, answered));
    const clock = new ManualClock();
    const given = assert.rejects(dial(hostile.address, clock), { code: 'ERR_TOR_TIMEOUT' });
    await hostile.reached;
    clock.advance(DEADLINE_MS);
    await given;
    assert.equal(clock.pendingTimers, 0);
    await assertLetGo(hostile);
  }
});

test('every reply code of a refusal maps to an error code', async () => {
  for (let reply = 1; reply < 256; reply++) {
    await using hostile = await startHostile([NOTHING, METHOD, AUTHENTICATED, GRANTED.with(1, reply)]);
    await assert.rejects(dial(hostile.address), ({ code }: { code: string }) => code.startsWith('ERR_TOR_'));
  }
});

const BOUND: readonly (readonly [string, Uint8Array])[] = [
  ['a name', Uint8Array.of(3, 4, ...Buffer.from('name'))],
  ['a name of 255 octets', Uint8Array.of(3, 255, ...Buffer.alloc(255, 'x'))],
  ['an empty name', Uint8Array.of(3, 0)],
  ['an IPv6 address', Uint8Array.of(4, ...Buffer.alloc(16))],
];

for (const [what, address] of BOUND) {
  test(`a granted stream with ${what} as bound address is usable`, async () => {
    const granted = Uint8Array.of(5, 0, 0, ...address, 0, 80);
    await using hostile = await startHostile([NOTHING, METHOD, AUTHENTICATED, granted, Buffer.from('pong')]);
    const { socket } = await dial(hostile.address);
    socket.write('ping');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'pong');
    socket.destroy();
  });
}

for (const [what, act] of [
  ['garbage', Buffer.concat([GRANTED, Buffer.alloc(64, 'x')])],
  ['a flood', [GRANTED, 'flood']],
] as const) {
  test(`${what} after a granting reply is not TLS, and the connection is closed`, async () => {
    await using hostile = await startHostile([NOTHING, METHOD, AUTHENTICATED, act, Buffer.alloc(64, 'x')]);
    const connect = createTorConnector({
      agent: () =>
        new TorAgent({
          socks: hostile.address,
          credentials: { username: 'u', password: 'p' },
          clock: systemClock,
          judgePeer: judgeManagedTor,
        }),
      tls: {
        servername: 'doh.test',
        names: ['doh.test'],
        namesThroughTor: [],
        pins: [],
        chainHashes: [],
        alpn: ['h2'],
      },
      deadlineMs: DEADLINE_MS,
      clock: systemClock,
    });
    await assert.rejects(connect({ host: 'onion.test', port: 443 }), { code: 'ERR_TLS' });
    await assertLetGo(hostile);
  });
}

test('detection accepts none of them as Tor', async () => {
  const answers: readonly Act[] = [
    'flood',
    METHOD,
    [Uint8Array.of(5, 0), 'close'],
    [Uint8Array.of(5, 0), 'flood'],
    'reset',
  ];
  for (const answer of answers) {
    await using hostile = await startHostile([NOTHING, answer]);
    await assert.rejects(verifyTor(hostile.address, systemClock, judgeManagedTor), { code: NOT_SOCKS });
    await assertLetGo(hostile);
  }
});
