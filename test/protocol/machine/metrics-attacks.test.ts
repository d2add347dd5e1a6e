import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';

/*
 * Attacks of a hostile local program on the metrics server while a supervisor polls /healthcheck. An unanswered health
 * check gets a healthy daemon killed.
 */

const ATTACKERS = 100;
/** Ten probes per attack, starting before it takes effect. */
const PROBES = 10;
const PROBE_EVERY_MS = 100;
/**
 * During a successful attack there is no answer at all. Anything slower than one second, the usual limit of a
 * supervisor such as Kubernetes, is the load of this machine.
 */
const PATIENCE_MS = 5000;

let daemon: Daemon;
let port: number;
before(async () => {
  daemon = await startDaemon(['--tor-socks', '127.0.0.1:1']);
  port = Number(new URL(`http://${daemon.metricsAddress}`).port);
});
after(() => daemon[Symbol.asyncDispose]());

const requestFor = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** Status and duration of a request on a new connection; status 0 without a timely response. */
async function probe(path: string): Promise<{ readonly status: number; readonly ms: number }> {
  const startedAt = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch(() => undefined);
  await response?.text().catch(() => {});
  return { status: response?.status ?? 0, ms: performance.now() - startedAt };
}

/** What an attacker does on each connection. It reconnects until the attack ends. */
type Attack = (socket: Socket) => void;

async function attackWith(attack: Attack, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const socket = connect(port, '127.0.0.1');
    const leave = (): void => void socket.destroy();
    signal.addEventListener('abort', leave);
    socket.on('error', () => {});
    socket.on('connect', () => attack(socket));
    await new Promise((resolve) => socket.on('close', resolve));
    signal.removeEventListener('abort', leave);
  }
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  'connections that say nothing': () => {},
  'connections that begin a request and do not end it': (socket) => {
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n');
    const more = setInterval(() => socket.write('X: y\r\n'), 200);
    socket.on('close', () => clearInterval(more));
  },
  'connections that ask and do not read': (socket) => {
    socket.pause();
    socket.write(requestFor('/metrics'));
  },
  'watchers of events': (socket) => {
    socket.resume();
    socket.write(requestFor('/api/events'));
  },
  'connections that ask for everything at once, and do not read': (socket) => {
    socket.pause();
    socket.write(requestFor('/metrics').repeat(500));
  },
  'connections that ask whether it is ready, which takes a while': (socket) => {
    socket.resume();
    socket.write(requestFor('/ready'));
  },
  'connections that leave at once and come again': (socket) => {
    socket.write('GET');
    socket.destroy();
  },
  'connections that ask for the metrics again and again': (socket) => {
    socket.resume();
    socket.write(requestFor('/metrics'));
  },
};

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`the health check is answered beside ${ATTACKERS} ${name}`, async (t) => {
    const over = new AbortController();
    const attackers = Array.from({ length: ATTACKERS }, () => attackWith(attack, over.signal));
    const probes: Promise<{ readonly status: number; readonly ms: number }>[] = [];
    for (let count = 0; count < PROBES; count++) {
      await sleep(PROBE_EVERY_MS);
      probes.push(probe('/healthcheck'));
    }
    const answers = await Promise.all(probes);
    over.abort();
    await Promise.all(attackers);
    t.diagnostic(`slowest: ${Math.round(Math.max(...answers.map(({ ms }) => ms)))} ms`);
    assert.deepEqual(
      answers.map(({ status }) => status),
      Array.from({ length: PROBES }, () => 200),
    );
  });
}
