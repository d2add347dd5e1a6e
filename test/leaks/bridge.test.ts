import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type AccessNetwork, NAMESERVER_HOST } from '../fixtures/namespace/internet.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { type CensoredLaboratory, startCensoredLaboratory } from '../situations/censored-laboratory.ts';
import { SNOWFLAKE_LINE, secretsOf, snowflakeFlags } from '../situations/situation.ts';
import { assertLacks, assertLeavesNoTrace, assertServesNoTrace, createCanary, findIn } from './canary.ts';
import { type ConfinedDaemon, startConfinedDaemon } from './confined-daemon.ts';

/*
 * The daemon with a managed tor and an obfs4 bridge, in a network namespace that counts packets by destination. It lets
 * all of them through, so that a connection to a relay would succeed. All queried names start with one label, which
 * must not appear anywhere.
 */

const ZONE = 'dns4tor-lab.net';
const AGAIN_TIMEOUT_MS = 120_000;
const LOOKUP_TIMEOUT_MS = 30_000;

const canary = createCanary();
let laboratory: CensoredLaboratory;
before(async () => {
  laboratory = await startCensoredLaboratory();
});
after(() => laboratory[Symbol.asyncDispose]());

let client: AccessNetwork;
let daemon: ConfinedDaemon;

let asked = 0;
const newName = (): string => `${canary}-${asked++}.wild.${ZONE}`;

async function assertOnlyToBridge(): Promise<void> {
  const { bridge } = laboratory;
  const { destinations, packets, frames } = await client.sent();
  assert.deepEqual(destinations, [`tcp ${bridge.host}:${bridge.obfs4Port}`]);
  assert.ok(frames <= packets, `of ${frames} frames, only ${packets} are packets to the bridge`);
}

async function assertClean(): Promise<void> {
  await assertServesNoTrace(canary, daemon);
  await assertLeavesNoTrace(canary, daemon, ['tor']);
  for (const secret of secretsOf(laboratory.bridge.lines.obfs4)) {
    await assertServesNoTrace(secret, daemon);
    assertLacks(daemon.log, secret);
    const files = await findIn(daemon.directory, secret);
    assert.deepEqual(
      files.filter((path) => !path.startsWith(`${daemon.directory}/tor/`)),
      [],
    );
  }
  await assertOnlyToBridge();
}

const answered = async (): Promise<boolean> => (await daemon.ask(newName())).status === 'NOERROR';

async function torPid(): Promise<number> {
  const { pid } = daemon.process;
  const [child = ''] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
  assert.match(await readFile(`/proc/${child}/comm`, 'utf8'), /^tor/);
  return Number(child);
}

describe('G1, G8: with a bridge, packets leave only to it, and its line stays in the state directory', () => {
  before(async () => {
    client = await laboratory.internet.connect('open');
    const { flags, bridgesFile } = laboratory;
    daemon = await startConfinedDaemon(client, [...flags, '--bridges-file', bridgesFile, '--address', 'localhost']);
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
  });

  test('start', async () => {
    await daemon.answers();
    await assertClean();
  });

  test('normal service, with names and types of all kinds', async () => {
    const name = newName();
    for (const args of [['A'], ['A'], ['AAAA'], ['TXT', '+tcp'], ['HTTPS', '+dnssec'], ['ANY']]) {
      assert.equal((await daemon.ask(name, ...args)).status, 'NOERROR');
    }
    for (const local of ['onion', 'local', 'lan', 'test']) {
      assert.equal((await daemon.ask(`${canary}.${local}`)).status, 'NXDOMAIN', local);
    }
    await assertClean();
  });

  test('dns4tor query and dns4tor check', async () => {
    const port = ['--port', String(daemon.port)];
    assert.equal((await daemon.run('query', ...port, newName())).status, 0);
    const { flags, bridgesFile } = laboratory;
    const { output } = await daemon.run('check', ...flags, '--bridges-file', bridgesFile, ...port);
    for (const id of ['tor', 'bootstrap', 'reach', 'answer', 'listening', 'resolution']) {
      assert.match(output, new RegExp(`^ok +${id} `, 'm'));
    }
    for (const secret of [canary, ...secretsOf(laboratory.bridge.lines.obfs4)]) assertLacks(output, secret);
    await assertClean();
  });

  test('the bridge is killed, and comes back', async () => {
    await laboratory.bridge.kill();
    try {
      assert.equal((await daemon.ask(newName())).status, 'SERVFAIL');
      await assertClean();
    } finally {
      await laboratory.bridge.start();
    }
    await waitUntil('answers arrive again', AGAIN_TIMEOUT_MS, answered);
    await assertClean();
  });

  test('tor is killed, and started again', async () => {
    process.kill(await torPid(), 'SIGKILL');
    await daemon.logs('Tor ended');
    await waitUntil('answers arrive again', AGAIN_TIMEOUT_MS, answered);
    await assertClean();
  });

  test('shutdown', async () => {
    daemon.process.signal('SIGTERM');
    assert.equal(await daemon.process.ended, 0);
    await assertLeavesNoTrace(canary, daemon, ['tor']);
    await assertOnlyToBridge();
  });
});

test('G1: with snowflake, only lookups of its own servers leave, to the system’s name server', async () => {
  await using home = await laboratory.internet.connect('open');
  const flags = [...laboratory.flags, '--bridge', SNOWFLAKE_LINE, ...(await snowflakeFlags()), '--timeout', '2s'];
  await using snowflake = await startConfinedDaemon(home, flags);
  await waitUntil('it looks its servers up', LOOKUP_TIMEOUT_MS, async () => (await home.sent()).packets > 0);
  assert.equal((await snowflake.ask(newName())).status, 'SERVFAIL');
  snowflake.process.signal('SIGTERM');
  assert.equal(await snowflake.process.ended, 0);
  const { destinations, packets, frames } = await home.sent();
  assert.deepEqual(destinations, [`udp ${NAMESERVER_HOST}:53`]);
  assert.equal(frames, packets);
});
