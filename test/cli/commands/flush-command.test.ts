import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ControlServer } from '../../../src/daemon/control/control-server.ts';
import { failureText } from '../../../src/failures/failures.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { rawName } from '../../fixtures/dns/messages.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { COMMAND, runCli } from '../run-cli.ts';

test('the name can come from stdin, and may be internationalized', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'dns4tor', 'control');
  const flushed: unknown[] = [];
  const flush = async (name: Uint8Array | undefined): Promise<number> => flushed.push(name);
  await using _ = await ControlServer.open({ clock: systemClock, flush }, path);
  const child = spawn(process.execPath, [COMMAND, 'flush', '-'], {
    // Where a user's own daemon listens.
    env: { XDG_RUNTIME_DIR: directory.path },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  child.stdin.end('Bücher.example\n');
  assert.equal(await text(child.stdout), 'Removed 1 answer.\n');
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(flushed, [rawName('xn--bcher-kva', 'example')]);
});

test('a wrong name is an error that does not quote it', async () => {
  const { code, stdout, stderr } = await runCli(['flush', 'canary..example']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.doesNotMatch(stderr, /canary/);
});

test('without a running dns4tor, the error names the sockets and a remedy', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'control');
  const { code, stderr } = await runCli(['flush', '--control-socket', `unix:${path}`]);
  assert.equal(code, 1);
  assert.equal(stderr, `dns4tor: unix:${path}: ${failureText('ERR_CONTROL_UNANSWERED')}\n`);
});
