import assert from 'node:assert/strict';
import { chmod, chown, lstat, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type MetricsServer, startMetricsServer } from '../../src/http/metrics-server.ts';
import { runNode } from '../cli/run-cli.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { OTHER_USER } from '../fixtures/process/other-user.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const MODE_BITS = 0o7777;
const REFUSED = { code: 'ERR_LISTEN_PATH' };

function serve(path: string): Promise<MetricsServer> {
  return startMetricsServer({
    endpoint: { kind: 'unix', path },
    exposition: { contentType: 'text/plain', render: async () => 'up 1\n' },
    ready: async () => ({ ready: true, state: 'working', detail: '' }),
    status: () => ({}),
    readPageFile: async () => undefined,
    clock: new ManualClock(),
    onError: (error) => assert.fail(error),
  });
}

function scrape(path: string): Promise<string> {
  return runProgram('curl', ['--silent', '--fail', '--unix-socket', path, 'http://any.example/metrics']);
}

/** Creates a socket that no process has open, as a killed process leaves behind. */
async function leaveDeadSocket(path: string): Promise<void> {
  const listening = `require('node:net').createServer().listen(${JSON.stringify(path)}`;
  await assert.rejects(runNode(['--eval', `${listening}, () => process.kill(process.pid, 'SIGKILL'))`]));
  assert.ok((await lstat(path)).isSocket());
}

test('a unix socket is open only to its user and group, accepts any Host, and is removed with the server', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'metrics');
  const server = await serve(path);
  assert.equal(server.address, `unix:${path}`);
  assert.equal(server.isTcp, false);
  assert.equal((await lstat(path)).mode & MODE_BITS, 0o660);
  assert.equal(await scrape(path), 'up 1\n');
  await server[Symbol.asyncDispose]();
  await assert.rejects(lstat(path), { code: 'ENOENT' });
});

test('the umask of the process is restored, whether the socket could be created or not', async () => {
  await using directory = await createTemporaryDirectory();
  const before = process.umask();
  await using _ = await serve(join(directory.path, 'metrics'));
  await assert.rejects(serve(join(directory.path, 'metrics')), REFUSED);
  await assert.rejects(serve(join(directory.path, 'x'.repeat(120))), REFUSED);
  assert.equal(process.umask(), before);
});

test('a socket left behind by a killed process is replaced', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'metrics');
  await leaveDeadSocket(path);
  await using _ = await serve(path);
  assert.equal(await scrape(path), 'up 1\n');
});

test('a socket on which a program listens is left alone', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'metrics');
  await using _ = await serve(path);
  await assert.rejects(serve(path), REFUSED);
  assert.equal(await scrape(path), 'up 1\n');
});

test('a file that is not a socket is left alone, and so is a link to a stale socket', async () => {
  await using directory = await createTemporaryDirectory();
  const inIt = (name: string): string => join(directory.path, name);
  await writeFile(inIt('file'), 'kept');
  await mkdir(inIt('folder'));
  await leaveDeadSocket(inIt('dead'));
  await symlink(inIt('dead'), inIt('link'));
  for (const name of ['file', 'folder', 'link']) {
    const before = await lstat(inIt(name));
    await assert.rejects(serve(inIt(name)), REFUSED, name);
    assert.equal((await lstat(inIt(name))).ino, before.ino);
  }
});

test('a stale socket of another user is left alone', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'metrics');
  await leaveDeadSocket(path);
  await chown(path, OTHER_USER, OTHER_USER);
  await assert.rejects(serve(path), REFUSED);
  assert.ok((await lstat(path)).isSocket());
});

test('a directory in which other users could replace the socket is refused, as is a missing one', async () => {
  await using directory = await createTemporaryDirectory();
  const folder = join(directory.path, 'folder');
  await assert.rejects(serve(join(folder, 'metrics')), REFUSED);
  await mkdir(folder);
  for (const mode of [0o777, 0o775]) {
    await chmod(folder, mode);
    await assert.rejects(serve(join(folder, 'metrics')), REFUSED, mode.toString(8));
  }
  // Sticky like /tmp: only its owner can replace a file there.
  await chmod(folder, 0o1777);
  await using _ = await serve(join(folder, 'metrics'));
});

test('a parent directory that other users may write to is refused', async () => {
  await using directory = await createTemporaryDirectory();
  const folder = join(directory.path, 'open', 'folder');
  await mkdir(folder, { recursive: true });
  await chmod(join(directory.path, 'open'), 0o777);
  await assert.rejects(serve(join(folder, 'metrics')), REFUSED);
});
