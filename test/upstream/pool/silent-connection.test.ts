import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Connect } from '../../../src/upstream/transport/session.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { neverAnswer } from '../../fixtures/dns/doh-behaviours.ts';
import { type Attack, type HostileHttp2, startHostileHttp2 } from '../../fixtures/dns/hostile-http2.ts';
import { FLAG, FRAME, fields, frame, SETTING, settings } from '../../fixtures/dns/http2-frames.ts';
import { answer, answerTo, type Rig, startRig } from '../rig.ts';

/*
 * Connections that are alive but useless: the server answers PING and no query.
 */

/** Lookups work again within this time after the first one that is not answered. */
const RECOVERY_MS = 15_000;

/** Time-out of a client, and time between lookups. */
const PATIENCE_MS = 10_000;
const EVERY_MS = 250;
const SOON_MS = 1000;

/** Number of 128-octet request bodies that fit into the flow-control window (RFC 9113 §6.9.2). */
const BODIES_IN_WINDOW = Math.floor(65_535 / 128);

const OK = fields([':status', '200'], ['content-type', 'application/dns-message']);

const ATTACKS: Readonly<Record<string, Attack>> = {
  'answers no query': { answersPing: true },
  'sends no WINDOW_UPDATE': {
    answersPing: true,
    onBody: ({ socket }, stream, body) => {
      socket.write(frame(FRAME.headers, FLAG.endHeaders, stream, OK));
      socket.write(frame(FRAME.data, FLAG.endStream, stream, answerTo(body)));
    },
  },
  'allows no streams': {
    answersPing: true,
    onConnection: ({ socket }) => socket.write(settings([SETTING.maxConcurrentStreams, 0])),
  },
};

interface SilentRig extends AsyncDisposable {
  readonly rig: Rig;
  readonly server: HostileHttp2;
}

/** A rig whose server attacks every connection that is opened while `isHostile` is true. */
async function startBefore(attack: Attack, connections: number): Promise<SilentRig> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await createCertificateAuthority());
  const server = stack.use(await startHostileHttp2(await authority.issue(['doh.test']), attack, answerTo));
  const ca = await readFile(authority.certificatePath);
  const connect: Connect = () =>
    new Promise((resolve, reject) => {
      const target = { host: '127.0.0.1', port: server.port, servername: 'doh.test', ca, ALPNProtocols: ['h2'] };
      const socket = connectTls(target, () => resolve(socket));
      socket.on('error', reject);
    });
  const rig = stack.use(await startRig(answer, { connections, connect: () => connect }));
  const owned = stack.move();
  return { rig, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Lets data in transit over loopback arrive, and advances the clock. */
async function advance({ clock }: Rig, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 10) {
    for (let i = 0; i < 20; i++) await setImmediate();
    await clock.advanceAsync(10);
  }
}

/**
 * Looks up new names until one is answered within {@link SOON_MS}.
 * @returns when that lookup began, in milliseconds from now; Infinity if none succeeded in time
 */
async function askUntilServed(rig: Rig, limitMs: number): Promise<number> {
  const startedAt = rig.clock.now();
  const served: number[] = [];
  for (let i = 0; served.length === 0 && rig.clock.now() - startedAt < limitMs; i++) {
    const askedAt = rig.clock.now();
    rig.ask(`after-${i}.test`, PATIENCE_MS).then(
      () => {
        if (rig.clock.now() - askedAt < SOON_MS) served.push(askedAt - startedAt);
      },
      () => {},
    );
    await advance(rig, EVERY_MS);
  }
  return Math.min(...served);
}

function stalls({ counters }: Rig): number {
  const stalled = counters.totals.reconnects.entries().filter(({ labels }) => labels['cause'] === 'stalled');
  return stalled.reduce((sum, { count }) => sum + count, 0);
}

for (const connections of [1, 3]) {
  for (const [what, attack] of Object.entries(ATTACKS)) {
    test(`a connection whose server answers PING but ${what} is replaced (connections: ${connections})`, async (t) => {
      await using running = await startBefore(attack, connections);
      const { rig, server } = running;
      if (what === 'sends no WINDOW_UPDATE') {
        // 100 more for each, so that no connection has capacity left, however the queries are distributed.
        const names = Array.from({ length: connections * (BODIES_IN_WINDOW + 100) }, (_, i) => `before-${i}.test`);
        while (names.length > 0) {
          const batch = names.splice(0, 50).map((name) => rig.ask(name, PATIENCE_MS).catch(() => {}));
          for (let i = 0; i < 20; i++) await setImmediate();
          await Promise.race([Promise.all(batch), advance(rig, EVERY_MS)]);
        }
      } else {
        rig.ask('before.test', PATIENCE_MS).catch(() => {});
        await advance(rig, EVERY_MS);
      }
      // Connections that are opened from now on are served.
      const attacked = server.connections;
      assert.ok(attacked >= 1);
      server.isHostile = () => false;
      const servedAfterMs = await askUntilServed(rig, 2 * RECOVERY_MS);
      t.diagnostic(`served after ${servedAfterMs} ms, ${server.connections - attacked} new connections`);
      assert.ok(servedAfterMs <= RECOVERY_MS, `served after ${servedAfterMs} ms`);
    });
  }
}

for (const connections of [1, 3]) {
  test(`one query that is never answered among others costs no connection (connections: ${connections})`, async () => {
    await using rig = await startRig(
      (request) => (rig.server.requests.length % 8 === 3 ? neverAnswer : answer)(request),
      {
        connections,
      },
    );
    const asking: Promise<unknown>[] = [];
    for (let i = 0; i < 240; i++) {
      asking.push(rig.ask(`n${i}.test`, PATIENCE_MS).catch(() => {}));
      await advance(rig, EVERY_MS);
    }
    await advance(rig, PATIENCE_MS);
    await Promise.all(asking);
    assert.equal(stalls(rig), 0);
  });
}
