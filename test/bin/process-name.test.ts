import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startDaemon } from '../fixtures/process/daemon.ts';
import { runProgram } from '../fixtures/process/run-program.ts';

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
