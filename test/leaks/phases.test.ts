import assert from 'node:assert/strict';
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Laboratory, RESOLVER_NAME, startLaboratory } from '../e2e/laboratory.ts';
import { COMMAND } from '../fixtures/daemon.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { assertLacks, assertLeavesNoTrace, assertServesNoTrace, createCanary } from './canary.ts';
import { type ConfinedDaemon, startConfinedDaemon } from './confined-daemon.ts';
import { type Namespace, startNamespace } from './namespace.ts';

/*
 * The daemon in a network of its own, from which every packet would be seen, with a real Tor that it reaches by a unix socket alone; through
 * all that it lives through. All names that it is asked for begin with one label, which may turn up nowhere.
 */

const ROOT = join(import.meta.dirname, '..', '..');
const ZONE = 'dns4tor-lab.net';
const AGAIN_TIMEOUT_MS = 60_000;
const EXPIRY_TIMEOUT_MS = 20_000;

const canary = createCanary();
let laboratory: Laboratory;
let namespace: Namespace;

before(async () => {
  [laboratory, namespace] = await Promise.all([startLaboratory(), startNamespace()]);
});
after(async () => {
  await namespace[Symbol.asyncDispose]();
  await laboratory[Symbol.asyncDispose]();
});

let asked = 0;
/** A name that nobody has asked for yet; below `brief` with a TTL of 3 s. */
function newName(zone: 'wild' | 'brief' = 'wild'): string {
  return `${canary}-${asked++}.${zone}.${ZONE}`;
}

function start(args: readonly string[] = [], command?: string): Promise<ConfinedDaemon> {
  const upstream = args.includes('--upstream') ? [] : ['--upstream', laboratory.url];
  const socks = args.includes('--tor-socks') ? [] : ['--tor-socks', `unix:${laboratory.network.client.socksPath}`];
  return startConfinedDaemon(
    namespace,
    [...upstream, '--upstream-ca', laboratory.caPath, ...socks, ...args],
    command === undefined ? {} : { command },
  );
}

async function assertSilent(): Promise<void> {
  assert.equal(await namespace.leakedPackets(), 0, 'packets were to leave the machine past Tor');
}

/** The end of a phase: no packet was to leave, and no name is anywhere. */
async function assertClean(daemon: ConfinedDaemon): Promise<void> {
  await assertServesNoTrace(canary, daemon);
  await assertLeavesNoTrace(canary, daemon);
  await assertSilent();
}

async function assertAnswers(daemon: ConfinedDaemon, name = newName(), ...args: readonly string[]): Promise<void> {
  assert.equal((await daemon.ask(name, ...args)).status, 'NOERROR');
}

async function untilAnswered(daemon: ConfinedDaemon): Promise<void> {
  await waitUntil('it answers again', AGAIN_TIMEOUT_MS, async () => (await daemon.ask(newName())).status === 'NOERROR');
}

/** RFC 8914 §4.23, §4.24: that, and why, nobody could be asked. */
async function assertFails(daemon: ConfinedDaemon): Promise<void> {
  const { status, answer, ede } = await daemon.ask(newName());
  assert.deepEqual([status, answer], ['SERVFAIL', []]);
  assert.match(ede.join(), /^2[23] /);
  assertLacks(ede.join(), canary);
}

describe('G1, G8: no packet leaves but to loopback, and no name is left anywhere', () => {
  let daemon: ConfinedDaemon;
  before(async () => {
    daemon = await start(['--address', 'localhost']);
  });
  after(() => daemon[Symbol.asyncDispose]());
  beforeEach(assertSilent);

  test('start', async () => {
    await daemon.answers();
    await assertClean(daemon);
  });

  test('normal service: names and types of all kinds, over UDP and TCP, from the cache and not', async () => {
    await assertAnswers(daemon);
    const name = newName();
    for (const args of [['A'], ['A'], ['AAAA'], ['TXT', '+tcp'], ['HTTPS', '+dnssec'], ['ANY']]) {
      await assertAnswers(daemon, name, ...args);
    }
    for (const local of ['onion', 'local', 'internal', 'test', 'home.arpa', '10.in-addr.arpa']) {
      assert.equal((await daemon.ask(`${canary}.${local}`)).status, 'NXDOMAIN', local);
    }
    assert.equal((await daemon.ask(`${canary}.nowhere.${ZONE}`)).status, 'NXDOMAIN');
    await assertClean(daemon);
  });

  test('dns4tor query: of the daemon, through Tor without it, without Tor, and of another machine', async () => {
    const query = (...args: readonly string[]): Promise<string> =>
      namespace.run(process.execPath, COMMAND, 'query', ...args, newName());
    assert.match(await query('-p', String(daemon.port)), /^;; CAME through Tor from /m);
    const direct = ['--direct', '--upstream', laboratory.url, '--upstream-ca', laboratory.caPath, '--tor-socks'];
    assert.match(await query(...direct, `unix:${laboratory.network.client.socksPath}`), /^;; CAME through Tor from /m);
    await assert.rejects(query(...direct, 'unix:/nonexistent'), /status: SERVFAIL/);
    for (const server of ['@203.0.113.1', '@resolver.example']) {
      await assert.rejects(query(server), /no address of this machine/);
    }
    await assertClean(daemon);
  });

  test('onion service down', async () => {
    await laboratory.network.onionService.kill();
    await assertFails(daemon);
    await assertFails(daemon);
    await assertClean(daemon);
    await laboratory.network.onionService.start();
    await untilAnswered(daemon);
    await assertClean(daemon);
  });

  test('G3: Tor down: an expired answer or SERVFAIL with EDE 23, and no question reaches the resolver', async () => {
    const known = newName('brief');
    await assertAnswers(daemon, known);
    await laboratory.network.client.kill();
    const questionsBefore = (await laboratory.doh.questions()).length;
    await waitUntil('the answer expires', EXPIRY_TIMEOUT_MS, async () => {
      const { status, answer, ede } = await daemon.ask(known);
      assert.deepEqual([status, answer.length], ['NOERROR', 1]);
      return ede.join().startsWith('3 ');
    });
    for (let i = 0; i < 3; i++) {
      const { status, answer, ede } = await daemon.ask(newName(), ...(i === 0 ? ['+tcp'] : []));
      assert.deepEqual([status, answer], ['SERVFAIL', []]);
      assert.match(ede.join(), /^23 /);
    }
    assert.equal((await laboratory.doh.questions()).length, questionsBefore);
    await assertClean(daemon);
  });

  test('a start while Tor is down', async () => {
    await using early = await start();
    await assertFails(early);
    await assertClean(early);
    await laboratory.network.client.start();
    await early.answers();
    await assertAnswers(early);
    await assertClean(early);
    await untilAnswered(daemon);
  });

  test('a resolver by name, and one that does not exist: nobody but Tor looks names up', async () => {
    await using byName = await start(['--upstream', `https://${RESOLVER_NAME}:${laboratory.doh.port}/dns-query`]);
    await byName.answers();
    await assertAnswers(byName);
    await assertClean(byName);
    await using nowhere = await start(['--upstream', 'https://resolver.example/dns-query', '--timeout', '2s']);
    await assertFails(nowhere);
    await assertClean(nowhere);
  });

  test('bad configuration: it fails closed', async () => {
    const notTor = ['--tor-socks', `127.0.0.1:${daemon.port}`];
    const pin = ['--upstream-pin', `sha256/${Buffer.alloc(32).toString('base64')}`];
    for (const args of [notTor, ['--tor-socks', 'unix:/nonexistent'], pin, ['--upstream-name', 'other.example']]) {
      await using wrong = await start(['--timeout', '5s', '--bootstrap', 'https://1.1.1.1/dns-query', ...args]);
      await assertFails(wrong);
      await assertClean(wrong);
    }
    for (const args of [
      ['--upstream', 'udp://203.0.113.1'],
      ['--upstream', 'tcp://203.0.113.1'],
      ['--upstream', 'http://resolver.example/dns-query'],
      ['--tor-socks', 'tor.example:9050'],
      ['--address', 'resolver.example'],
      ['--metrics', 'metrics.example:9053'],
    ]) {
      await assert.rejects(namespace.run(process.execPath, COMMAND, 'proxy-dns', ...args), /dns4tor/, args.join(' '));
      await assertSilent();
    }
    assert.match(await namespace.run(process.execPath, COMMAND, 'proxy-dns', '--check'), /upstream/);
    await assertSilent();
  });

  test('a crash, with queries in flight, by whatever signal', async () => {
    for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const) {
      await using doomed = await start();
      await doomed.answers();
      const unanswered = [newName(), newName()].map((name) => doomed.ask(name, '+time=1').catch(() => undefined));
      doomed.process.signal(signal);
      assert.equal(await doomed.process.ended, signal);
      await Promise.all(unanswered);
      // Nobody answers in its place.
      await assert.rejects(doomed.ask(newName(), '+time=1'));
      await assertLeavesNoTrace(canary, doomed);
      await assertSilent();
    }
  });

  test('an upgrade: another copy of the program in the place of this one', async () => {
    await using installed = await createTemporaryDirectory();
    for (const part of ['bin', 'dist', 'package.json']) {
      await cp(join(ROOT, part), join(installed.path, part), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(installed.path, 'node_modules'));
    daemon.process.signal('SIGTERM');
    assert.equal(await daemon.process.ended, 0);
    await assertLeavesNoTrace(canary, daemon);
    await assert.rejects(daemon.ask(newName(), '+time=1'));
    const command = join(installed.path, 'bin', 'dns4tor.js');
    await using upgraded = await start(['--port', String(daemon.port)], command);
    await upgraded.answers();
    await assertAnswers(upgraded);
    await assertClean(upgraded);
  });
});
