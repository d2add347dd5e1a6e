import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { COMMAND, type Daemon, startDaemon } from '../fixtures/process/daemon.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { startOnTerminal } from '../fixtures/terminal.ts';
import { waitUntil } from '../fixtures/wait-until.ts';

// Nothing listens on port 1: the daemon runs and finds no Tor.
const FLAGS = ['--tor-socks', '127.0.0.1:1', '--tor-control', 'none'];
const TIMEOUT_MS = 15_000;

/** Signals that other servers treat as requests, and that end a process without a handler. */
const REQUESTS = ['SIGHUP', 'SIGUSR2'] as const;

async function assertLives(daemon: Daemon): Promise<void> {
  assert.equal((await daemon.page('/healthcheck')).status, 200);
}

for (const flags of [[], ['--output', 'json']]) {
  test(`SIGHUP and SIGUSR2 end the daemon neither while it runs nor while it ends ${flags.join(' ')}`, async () => {
    await using daemon = await startDaemon([...FLAGS, ...flags]);
    for (let times = 0; times < 10; times++) for (const signal of REQUESTS) daemon.process.signal(signal);
    await assertLives(daemon);
    daemon.process.signal('SIGTERM');
    for (const signal of REQUESTS) daemon.process.signal(signal);
    assert.equal(await daemon.process.ended, 0);
  });
}

test('SIGHUP from the first line of JavaScript on does not keep it from starting', async () => {
  const child = spawn(process.execPath, [COMMAND, 'proxy-dns', '--address', '127.0.0.1', '--port', '0', ...FLAGS], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  for await (const line of createInterface(child.stderr)) {
    for (const signal of REQUESTS) child.kill(signal);
    if (line.includes('Using Tor at')) child.kill('SIGTERM');
  }
  assert.deepEqual(await ended, [0, null]);
});

test('a reload that is asked for during the start follows it', async () => {
  const child = spawn(process.execPath, [COMMAND, 'proxy-dns', '--address', '127.0.0.1', '--port', '0', ...FLAGS], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let isAsked = false;
  let reloads = 0;
  for await (const line of createInterface(child.stderr)) {
    if (!isAsked) child.kill('SIGHUP');
    isAsked = true;
    if (!line.includes('Reloaded the configuration')) continue;
    reloads++;
    child.kill('SIGTERM');
  }
  assert.deepEqual(await ended, [0, null]);
  assert.equal(reloads, 1);
});

test('SIGHUP reopens the log file; if that fails, logging continues in the open one, which says so', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'log');
  await using daemon = await startDaemonWithLog(path);
  renameSync(path, `${path}.1`);
  for (let times = 0; times < 10; times++) daemon.signal('SIGHUP');
  await waitUntil('there is a new file', TIMEOUT_MS, () => existsSync(path));

  renameSync(path, `${path}.2`);
  mkdirSync(path);
  for (let times = 0; times < 10; times++) daemon.signal('SIGHUP');
  const events = (): unknown[] =>
    readFileSync(`${path}.2`, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { readonly event: unknown }).event);
  await waitUntil('it is said', TIMEOUT_MS, () => events().includes('log_file_kept'));
  daemon.signal('SIGTERM');
  assert.equal(await daemon.ended, 0);
  assert.ok(events().includes('stopping'));
});

/** Its log is in the file, so it does not report on stderr when it runs. */
async function startDaemonWithLog(
  path: string,
): Promise<AsyncDisposable & { signal(name: NodeJS.Signals): void; readonly ended: Promise<number | null> }> {
  const flags = ['--address', '127.0.0.1', '--port', '0', '--logfile', path, '--output', 'json', ...FLAGS];
  const child = spawn(process.execPath, [COMMAND, 'proxy-dns', ...flags], { stdio: 'ignore' });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  await waitUntil('it runs', TIMEOUT_MS, () => existsSync(path) && readFileSync(path, 'utf8').includes('tor_chosen'));
  return {
    ended,
    signal: (name) => void child.kill(name),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

test('a daemon whose terminal is closed keeps running, and ends on SIGTERM', async () => {
  await using directory = await createTemporaryDirectory();
  const metrics = join(directory.path, 'metrics');
  const flags = ['--address', '127.0.0.1', '--port', '0', '--metrics', `unix:${metrics}`, ...FLAGS];
  const says = 'echo pid=$$ && exec "$0" "$@"';
  const terminal = await startOnTerminal(['sh', '-c', says, process.execPath, COMMAND, 'proxy-dns', ...flags]);
  await terminal.shows('Cannot connect to DNS upstream');
  const pid = Number(/pid=(\d+)/.exec(terminal.output)?.[1]);
  const lives = (): boolean => existsSync(`/proc/${pid}/fd/0`);
  try {
    await terminal[Symbol.asyncDispose]();
    // From now on, writes to the closed terminal fail.
    for (const signal of REQUESTS) process.kill(pid, signal);
    await assertAnswers(metrics);
    process.kill(pid, 'SIGTERM');
    await waitUntil('it has ended', TIMEOUT_MS, () => !lives());
    assert.ok(!existsSync(metrics));
  } finally {
    if (lives()) process.kill(pid, 'SIGKILL');
  }
});

async function assertAnswers(socketPath: string): Promise<void> {
  const [response] = await once(get({ socketPath, path: '/healthcheck' }), 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
}

test('the daemon keeps running if the reader of its log goes away', async () => {
  await using directory = await createTemporaryDirectory();
  const metrics = join(directory.path, 'metrics');
  const flags = [
    '--address',
    '127.0.0.1',
    '--port',
    '0',
    '--metrics',
    `unix:${metrics}`,
    '--loglevel',
    'debug',
    ...FLAGS,
  ];
  const child = spawn(process.execPath, [COMMAND, 'proxy-dns', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  try {
    await once(child.stderr, 'data');
    child.stderr.destroy();
    child.stdout.destroy();
    await waitUntil('it serves', TIMEOUT_MS, () => existsSync(metrics));
    await assertAnswers(metrics);
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});
