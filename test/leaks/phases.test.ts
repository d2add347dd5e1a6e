import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Laboratory, RESOLVER_NAME, startLaboratory } from '../e2e/laboratory.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../fixtures/certificates.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { type EncryptedFlags, encryptedFlags } from '../protocol/encrypted/encrypted-lab.ts';
import { installProgram, throughLauncher } from './as-packaged.ts';
import { assertLacks, assertLeavesNoTrace, assertServesNoTrace, createCanary } from './canary.ts';
import {
  type CommandResult,
  type ConfinedDaemon,
  type ConfinedDaemonOptions,
  ENCRYPTED_TRANSPORTS,
  startConfinedDaemon,
} from './confined-daemon.ts';
import { endMainProcess, isAwaited, onHeldSockets } from './held-sockets.ts';
import { type Namespace, startNamespace } from './namespace.ts';

/*
 * The daemon in a network namespace that sees every packet. It reaches a real Tor only over a unix socket. The tests
 * lead it through the phases of its life. All queried names start with one label, which must not appear anywhere.
 */

const ZONE = 'dns4tor-lab.net';
const AGAIN_TIMEOUT_MS = 60_000;
const EXPIRY_TIMEOUT_MS = 20_000;
const IN_FLIGHT_TIMEOUT_MS = 10_000;

const canary = createCanary();
let laboratory: Laboratory;
let namespace: Namespace;
let authority: CertificateAuthority;
/** Flags that also serve DoT and DoH. */
let encrypted: EncryptedFlags;

before(async () => {
  [laboratory, namespace, authority] = await Promise.all([
    startLaboratory(),
    startNamespace(),
    createCertificateAuthority(),
  ]);
  encrypted = await encryptedFlags(authority);
});
after(async () => {
  await authority[Symbol.asyncDispose]();
  await namespace[Symbol.asyncDispose]();
  await laboratory[Symbol.asyncDispose]();
});

let asked = 0;
/** A name not queried before. Below `brief`, its TTL is 3 s. */
function newName(zone: 'wild' | 'brief' = 'wild'): string {
  return `${canary}-${asked++}.${zone}.${ZONE}`;
}

/** Flags that lead to the resolver, unless the arguments replace them. */
function wayOut(args: readonly string[] = []): readonly string[] {
  const upstream = args.includes('--upstream') ? [] : ['--upstream', laboratory.url];
  const socks = args.includes('--tor-socks') ? [] : ['--tor-socks', `unix:${laboratory.network.client.socksPath}`];
  return [...upstream, '--upstream-ca', laboratory.caPath, ...socks];
}

function start(args: readonly string[] = [], options: ConfinedDaemonOptions = {}): Promise<ConfinedDaemon> {
  return startConfinedDaemon(namespace, [...wayOut(args), ...args], options);
}

async function assertSilent(): Promise<void> {
  assert.equal(await namespace.leakedPackets(), 0, 'packets tried to bypass Tor');
}

/** Checks at the end of a phase that no packet tried to leave and that no name is anywhere. */
async function assertClean(daemon: ConfinedDaemon): Promise<void> {
  await assertServesNoTrace(canary, daemon);
  await assertLeavesNoTrace(canary, daemon);
  await assertSilent();
}

async function assertAnswers(daemon: ConfinedDaemon, name = newName(), ...args: readonly string[]): Promise<void> {
  assert.equal((await daemon.ask(name, ...args)).status, 'NOERROR');
}

async function untilAnswered(daemon: ConfinedDaemon): Promise<void> {
  await waitUntil(
    'answers arrive again',
    AGAIN_TIMEOUT_MS,
    async () => (await daemon.ask(newName())).status === 'NOERROR',
  );
}

/** Asserts SERVFAIL with the EDE of an unreachable resolver (RFC 8914 §4.23, §4.24). */
async function assertFails(daemon: ConfinedDaemon): Promise<void> {
  const { status, answer, ede } = await daemon.ask(newName());
  assert.deepEqual([status, answer], ['SERVFAIL', []]);
  assert.match(ede.join(), /^2[23] /);
  assertLacks(ede.join(), canary);
}

/** Number of queries that wait for the resolver. */
async function waiting(daemon: ConfinedDaemon): Promise<number> {
  return Number(/^dns4tor_upstream_queue_depth\{.*\} (\d+)$/m.exec((await daemon.page('/metrics')).body)?.[1]);
}

async function versionOf(daemon: ConfinedDaemon): Promise<string> {
  return JSON.parse((await daemon.page('/api/status')).body).version;
}

describe('G1, G8: no packet leaves but to loopback, and no name is left anywhere', () => {
  let daemon: ConfinedDaemon;
  before(async () => {
    daemon = await start(['--address', 'localhost', ...encrypted.flags]);
  });
  after(() => daemon[Symbol.asyncDispose]());
  beforeEach(assertSilent);

  const check = (...args: readonly string[]): Promise<CommandResult> =>
    daemon.run('check', ...wayOut(), '--port', String(daemon.port), ...args);

  /** Checks the results for the path through Tor, not those for the machine. */
  function assertAllOk({ output }: CommandResult): void {
    for (const id of ['tor', 'reach', 'certificate', 'answer', 'listening', 'resolution']) {
      assert.match(output, new RegExp(`^ok +${id} |"id": "${id}",\\s+"status": "ok"`, 'm'));
    }
    assertLacks(output, canary);
  }

  test('start', async () => {
    await daemon.answers();
    await assertClean(daemon);
  });

  test('normal service: names and types of all kinds, over UDP, TCP, DoT and DoH, from the cache and not', async () => {
    await assertAnswers(daemon);
    const name = newName();
    for (const args of [['A'], ['A'], ['AAAA'], ['TXT', '+tcp'], ['HTTPS', '+dnssec'], ['ANY']]) {
      await assertAnswers(daemon, name, ...args);
    }
    for (const over of ENCRYPTED_TRANSPORTS) {
      for (const asking of [name, newName()]) {
        assert.equal((await daemon.askEncrypted(over, asking)).status, 'NOERROR', over);
      }
    }
    for (const local of ['onion', 'local', 'internal', 'lan', 'test', 'home.arpa', '10.in-addr.arpa']) {
      assert.equal((await daemon.ask(`${canary}.${local}`)).status, 'NXDOMAIN', local);
    }
    assert.equal((await daemon.ask(canary)).status, 'NXDOMAIN', 'a name without a dot');
    assert.equal((await daemon.ask(`${canary}.nowhere.${ZONE}`)).status, 'NXDOMAIN');
    await assertClean(daemon);
  });

  test('dns4tor query: to the daemon, through Tor without it, without Tor, and to another machine', async () => {
    const query = async (status: number, shown: RegExp, ...args: readonly string[]): Promise<void> => {
      const result = await daemon.run('query', ...args, newName());
      assert.match(result.output, shown);
      assert.equal(result.status, status);
    };
    await query(0, /^;; CAME through Tor from /m, '-p', String(daemon.port));
    await query(0, /^;; CAME through Tor from /m, '--direct', ...wayOut());
    const withoutTor = ['--tor-socks', 'unix:/nonexistent'];
    await query(1, /status: SERVFAIL/, '--direct', ...wayOut(withoutTor), ...withoutTor);
    for (const server of ['@203.0.113.1', '@resolver.example']) {
      await query(2, /^dns4tor: --server: /m, server);
    }
    await assertClean(daemon);
  });

  test('dns4tor check: with a daemon, by flags and by a file, and without one, as text and as JSON', async () => {
    await assertAnswers(daemon);
    assertAllOk(await check());
    assertAllOk(await check('--json'));
    await using directory = await createTemporaryDirectory();
    const file = join(directory.path, 'dns4tor.toml');
    const [, upstream, , ca, , socks] = wayOut();
    await writeFile(
      file,
      `upstream = ["${upstream}"]\nupstream-ca = "${ca}"\ntor-socks = "${socks}"\nport = ${daemon.port}\n`,
    );
    assertAllOk(await daemon.run('check', '--config', file));
    // With the default resolver, whose onion this network lacks, and on a port where nothing listens.
    const nowhere = ['--tor-socks', String(socks), '--timeout', '2s', '--port', '1'];
    const { status, output } = await daemon.run('check', ...nowhere);
    assert.equal(status, 1);
    assert.match(output, /^fail +reach .*\n(?:.*\n)*fail +listening /m);
    await assertClean(daemon);
  });

  test('dns4tor install --dry-run shows the changes', async () => {
    await assertAnswers(daemon);
    const { status, output } = await daemon.run('install', '--dry-run');
    assert.equal(status, 0);
    assert.match(output, /^-nameserver .*\n(?:.*\n)*\+nameserver 127\.0\.0\.1$/m);
    assertLacks(output, canary);
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
    for (const over of ENCRYPTED_TRANSPORTS) {
      assert.equal((await daemon.askEncrypted(over, newName())).status, 'SERVFAIL', over);
    }
    assert.equal((await laboratory.doh.questions()).length, questionsBefore);
    await assertClean(daemon);
  });

  test('dns4tor check while Tor is down', async () => {
    await laboratory.network.client.kill();
    for (const form of [[], ['--json']]) {
      const { status, output } = await check(...form);
      assert.equal(status, 1);
      assert.match(output, form.length === 0 ? /^fail +tor /m : /"id": "tor",\s+"status": "fail"/);
      assertLacks(output, canary);
    }
    await assertClean(daemon);
  });

  test('a start while Tor is down', async () => {
    await laboratory.network.client.kill();
    await using early = await start();
    await assertFails(early);
    await assertClean(early);
    await laboratory.network.client.start();
    await early.answers();
    await assertAnswers(early);
    await assertClean(early);
    await untilAnswered(daemon);
  });

  test('a resolver at a host name, and one that does not exist: only Tor resolves names', async () => {
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
    for (const [flag, value] of [
      ['--upstream', 'udp://203.0.113.1'],
      ['--upstream', 'tcp://203.0.113.1'],
      ['--upstream', 'http://resolver.example/dns-query'],
      ['--tor-socks', 'tor.example:9050'],
      ['--address', 'resolver.example'],
      ['--metrics', 'metrics.example:9053'],
    ] as const) {
      const { status, output } = await daemon.run('proxy-dns', flag, value);
      assert.equal(status, 2, output);
      assert.match(output, new RegExp(`^dns4tor: ${flag}[: ]`, 'm'));
      assert.ok(output.includes(value), output);
      await assertSilent();
    }
    assert.equal((await daemon.run('proxy-dns', '--check')).status, 0);
    await assertClean(daemon);
  });

  test('a crash, with questions on their way, by whatever signal: the package’s launcher leaves no core dump', async () => {
    for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const) {
      await using doomed = await start(['--circuits', '1', ...encrypted.flags], { via: await throughLauncher() });
      await doomed.answers();
      laboratory.network.client.pause();
      try {
        const asking = [
          ...[newName(), newName()].map((name) => doomed.ask(name, '+time=2')),
          ...ENCRYPTED_TRANSPORTS.map((over) => doomed.askEncrypted(over, newName(), '+timeout=2')),
        ];
        const unanswered = asking.map((reply) => reply.catch(() => undefined));
        const count = asking.length;
        await waitUntil(
          'all wait for the resolver',
          IN_FLIGHT_TIMEOUT_MS,
          async () => (await waiting(doomed)) >= count,
        );
        // Wherever the kernel would write a core dump.
        assert.match(await readFile(`/proc/${doomed.process.pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m);
        doomed.process.signal(signal);
        assert.equal(await doomed.process.ended, signal);
        assert.deepEqual(new Set(await Promise.all(unanswered)), new Set([undefined]));
      } finally {
        laboratory.network.client.resume();
      }
      // Nothing answers in its place.
      await assert.rejects(doomed.ask(newName(), '+time=1'));
      await assertLeavesNoTrace(canary, doomed);
      await assertSilent();
    }
  });

  test('an upgrade, as under the units: queries wait in the sockets meanwhile, and the new program answers them', async () => {
    await using installed = await createTemporaryDirectory();
    const folder = join(installed.path, 'dns4tor');
    await installProgram(folder, '1.0.0');
    const command = join(folder, 'dist', 'launch', 'dns4tor.js');
    await using service = await start(encrypted.flags, { command, via: await onHeldSockets() });
    await service.answers();
    await assertAnswers(service);
    for (const over of ENCRYPTED_TRANSPORTS) await service.askEncrypted(over, newName());
    assert.equal(await versionOf(service), '1.0.0');
    await assertClean(service);

    await rm(folder, { recursive: true });
    endMainProcess(service.log);
    await service.logs('the main process has ended');
    const replies = Promise.all([
      service.ask(newName()),
      service.ask(newName(), '+tcp'),
      ...ENCRYPTED_TRANSPORTS.map((over) => service.askEncrypted(over, newName())),
    ]);
    await waitUntil('they wait', IN_FLIGHT_TIMEOUT_MS, () => isAwaited(namespace, service.port));
    await assertLeavesNoTrace(canary, service);
    await installProgram(folder, '2.0.0');
    assert.deepEqual(new Set((await replies).map(({ status }) => status)), new Set(['NOERROR']));
    assert.equal(await versionOf(service), '2.0.0');
    await assertClean(service);
  });
});
