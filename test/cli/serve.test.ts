import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { failureText } from '../../src/failures/failures.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { COMMAND, runCli, runNode } from './run-cli.ts';

// Nothing listens on port 1: the daemon runs and finds no Tor.
const FLAGS = ['proxy-dns', '--address', '127.0.0.1', '--tor-socks', '127.0.0.1:1'];

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`the daemon ends with 0 after ${signal}`, async () => {
    const daemon = spawn(process.execPath, [COMMAND, ...FLAGS, '--port', '0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {},
    });
    const ended = once(daemon, 'exit');
    for await (const line of createInterface(daemon.stderr)) {
      if (line.includes('Using Tor at')) daemon.kill(signal);
    }
    assert.deepEqual(await ended, [0, null]);
  });
}

test('a busy port ends the start with 1 and an error that names the holder and says what to do', async () => {
  const holder = createSocket('udp4').bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address();
  const { code, stderr } = await runCli([...FLAGS, '--port', String(port), '--loglevel', 'fatal']);
  holder.close();
  assert.equal(code, 1);
  const [before, rest = ''] = stderr.split(failureText('ERR_LISTEN_IN_USE'));
  // This process is the holder. The name of its main thread depends on how it was started.
  assert.match(before ?? '', new RegExp(`^dns4tor: UDP 127\\.0\\.0\\.1:${port}, held by \\S.*: $`));
  assert.equal(rest, '\n');
  assert.match(stderr, /--port/);
});

test('a busy metrics port ends the start likewise, before Tor is looked for', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  assert.ok(typeof address === 'object' && address !== null);
  const metrics = `127.0.0.1:${address.port}`;
  const { code, stderr } = await runCli([...FLAGS, '--port', '0', '--metrics', metrics, '--output', 'json']);
  holder.close();
  assert.equal(code, 1);
  const lines = stderr.trimEnd().split('\n');
  const events = lines.map((line) => JSON.parse(line) as { event: string; code?: string; message: string });
  assert.equal(events.at(-1)?.code, 'ERR_LISTEN_IN_USE');
  assert.ok(events.at(-1)?.message.startsWith(`${metrics}, held by `));
  assert.ok(events.every(({ event }) => event !== 'tor_chosen'));
});

test("a defect ends the daemon with 70 and one line, without a stack trace or the error's message", async () => {
  const script = `
    import { main } from ${JSON.stringify(new URL('../../src/cli/main.ts', import.meta.url).href)};
    setImmediate(() => { throw new TypeError('asked.example'); });
    await main(${JSON.stringify([...FLAGS, '--port', '0', '--loglevel', 'fatal'])});
  `;
  const { code, stderr } = await runNode(['--input-type=module', '--eval', script]);
  assert.equal(code, 70);
  assert.match(stderr, /^dns4tor: stopped by a defect of dns4tor \(TypeError\); please report [^\n]*\n$/);
});

test('with --output json, all of stderr is JSON, including the reason of a failed start', async () => {
  const holder = createSocket('udp4').bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address();
  const { code, stderr } = await runCli([...FLAGS, '--port', String(port), '--output', 'json']);
  holder.close();
  assert.equal(code, 1);
  const lines = stderr.trimEnd().split('\n');
  const last = lines.map((line) => JSON.parse(line) as Record<string, unknown>).at(-1);
  assert.equal(last?.['level'], 'fatal');
  assert.equal(last?.['event'], 'failed');
  assert.equal(last?.['code'], 'ERR_LISTEN_IN_USE');
});

test('with a log file, the reason of a failed start is in it and on stderr', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'log');
  const holder = createSocket('udp4').bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const { stderr } = await runCli([...FLAGS, '--port', String(holder.address().port), '--logfile', path]);
  holder.close();
  assert.match(stderr, /^dns4tor: UDP [^\n]*--port[^\n]*\n$/);
  assert.match(await readFile(path, 'utf8'), / FTL UDP [^\n]*--port[^\n]* code=ERR_LISTEN_IN_USE\n$/);
});
