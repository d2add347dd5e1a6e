import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanEnvironment, dns4tor, startDaemon } from '../fixtures/process/daemon.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

test('ps shows no bridge that the command line holds, and all other flags', async () => {
  const bridges = ['192.0.2.77:443', '192.0.2.78:443'] as const;
  await using directory = await createTemporaryDirectory();
  const flags = ['--tor-option', 'DisableNetwork 1', '--metrics', 'localhost:0'];
  await using daemon = await startDaemon(['--bridge', bridges[0], ...flags, `-bridge=${bridges[1]}`], {
    env: { ...cleanEnvironment(), XDG_STATE_HOME: directory.path },
  });
  const { pid } = daemon.process;
  const shown = await runProgram('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
  assert.ok(shown.startsWith(`${process.execPath} `), shown);
  assert.ok(shown.includes(` --bridge [hidden] ${flags.join(' ')} -bridge=[hidden]`), shown);
  assert.doesNotMatch(await runProgram('ps', ['-eww', '-o', 'args=']), /192\.0\.2\.7[78]/);
  assert.doesNotMatch(await readFile(`/proc/${pid}/cmdline`, 'latin1'), /192\.0\.2\./);
  assert.equal((await runProgram('ps', ['-o', 'comm=', '-p', String(pid)])).trim(), 'dns4tor');
});

test('while flush waits for the daemon, ps shows no name', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'control');
  const connected = Promise.withResolvers<void>();
  const silent = createServer(() => connected.resolve()).listen(path);
  const [program, ...args] = dns4tor();
  const child = spawn(program, [...args, 'flush', '--control-socket', `unix:${path}`, 'canary.example'], {
    env: cleanEnvironment(),
    stdio: 'ignore',
  });
  try {
    await connected.promise;
    assert.doesNotMatch(await readFile(`/proc/${child.pid}/cmdline`, 'latin1'), /canary/);
    assert.match(await readFile(`/proc/${child.pid}/cmdline`, 'latin1'), /flush --control-socket \[hidden\]/);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    silent.close();
  }
});

test('ps, ss and top show the daemon as dns4tor; its command line and environment stay as they were', async () => {
  await using daemon = await startDaemon(['--tor-socks', '127.0.0.1:1', '--metrics', 'localhost:0']);
  const { pid } = daemon.process;
  assert.equal((await runProgram('ps', ['-o', 'comm=', '-p', String(pid)])).trim(), 'dns4tor');
  assert.match(
    await runProgram('top', ['-b', '-n', '1', '-p', String(pid)]),
    new RegExp(`^ *${pid} .* dns4tor *$`, 'm'),
  );
  for (const transport of ['-t', '-u']) {
    const sockets = await runProgram('ss', ['-H', '-l', '-n', '-p', transport, `sport = :${daemon.port}`]);
    assert.match(sockets, new RegExp(`\\("dns4tor",pid=${pid},`));
  }
  const words = async (file: string): Promise<string[]> =>
    (await readFile(`/proc/${pid}/${file}`, 'utf8')).split('\0').filter((word) => word !== '');
  const commandLine = await words('cmdline');
  assert.equal(commandLine[0], process.execPath);
  assert.deepEqual(commandLine.slice(-6), ['--port', '0', '--tor-socks', '127.0.0.1:1', '--metrics', 'localhost:0']);
  assert.ok((await words('environ')).includes('DNS4TOR_REMOVED='));
});
