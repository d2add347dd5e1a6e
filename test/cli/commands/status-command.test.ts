import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { failureKind, failureText } from '../../../src/failures/failures.ts';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { NO_SIZE, startOnTerminal } from '../../fixtures/terminal.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { COMMAND, runCli } from '../run-cli.ts';

/** Enters and leaves the alternate screen, with the cursor hidden (DEC private modes 1049 and 25). */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

let daemon: Daemon;
before(async () => {
  // Its state is failing, since there is no Tor at port 1.
  daemon = await startDaemon(['--tor-socks', '127.0.0.1:1']);
  await daemon.logs('Cannot connect to DNS upstream');
});
after(() => daemon[Symbol.asyncDispose]());

const statusAt = (address: string): readonly string[] => [process.execPath, COMMAND, 'status', '--metrics', address];

test('without a terminal, the status is printed once, without colours, and the exit status is 1 while it is failing', async () => {
  const { code, stdout, stderr } = await runCli(['status', '--metrics', daemon.metricsAddress]);
  assert.equal(stderr, '');
  assert.equal(code, 1);
  assert.ok(stdout.startsWith(`● Not working: ${failureKind('ERR_TOR_UNREACHABLE').problem}.`));
  assert.match(stdout, /^Tor .*\n +not started by dns4tor$/m);
  assert.ok(!stdout.includes('\x1b'));
});

test("--json prints the daemon's status as one object", async () => {
  const { code, stdout } = await runCli(['status', '--json'], { DNS4TOR_METRICS: daemon.metricsAddress });
  assert.equal(code, 1);
  const snapshot = JSON.parse(stdout) as { readonly format: number; readonly state: string };
  assert.equal(snapshot.format, 1);
  assert.equal(snapshot.state, 'failing');
});

test('commands that ask the running dns4tor do not need the files that only the daemon may read', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'dns4tor.toml');
  const lines = {
    metrics: daemon.metricsAddress,
    'control-socket': `unix:${join(directory.path, 'control')}`,
    'tls-key': join(directory.path, 'not-readable.pem'),
    'onion-auth-file': join(directory.path, 'not-readable.auth_private'),
  };
  await writeFile(
    path,
    Object.entries(lines)
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
      .join(''),
  );
  const status = await runCli(['status', '--json', '--config', path]);
  assert.equal(JSON.parse(status.stdout).state, 'failing', status.stderr);
  const query = await runCli(['query', '--config', path, '--port', String(daemon.port), 'localhost']);
  assert.equal(query.code, 0, query.stderr);
  const flush = await runCli(['flush', '--config', path]);
  assert.ok(flush.stderr.endsWith(`: ${failureText('ERR_CONTROL_UNANSWERED')}\n`), flush.stderr);
});

test('without a running dns4tor, the error has a remedy', async () => {
  await using reservation = await reservePort();
  await reservation.release();
  const { code, stderr } = await runCli(['status', '--metrics', `127.0.0.1:${reservation.port}`]);
  assert.equal(code, 1);
  assert.match(stderr, /^dns4tor: 127\.0\.0\.1:\d+: .*--metrics.*\n$/);
  assert.ok(stderr.endsWith(`: ${failureText('ERR_STATUS_UNANSWERED')}\n`));
});

test('on a terminal, it is updated until q, and restores the terminal', async () => {
  await using terminal = await startOnTerminal(statusAt(daemon.metricsAddress), { NO_COLOR: '', TERM: 'xterm' });
  // Drawn, and redrawn.
  await terminal.shows('\x1b[31m●');
  const drawn = terminal.output.split('\x1b[H').length;
  await waitUntil('it is drawn anew', 10_000, async () => terminal.output.split('\x1b[H').length > drawn);
  terminal.type('q');
  await terminal.shows('ended with 0');
  assert.ok(terminal.output.startsWith(ENTER));
  assert.ok(terminal.output.includes(LEAVE));
});

test('on a dumb terminal, the status is printed once, without control sequences', async () => {
  await using terminal = await startOnTerminal(statusAt(daemon.metricsAddress), { NO_COLOR: '', TERM: 'dumb' });
  await terminal.shows('ended with 1');
  assert.match(terminal.output, /^● Not working: /);
  assert.ok(!terminal.output.includes('\x1b'));
});

test('on a terminal without a size, the status is drawn for 80 columns and 24 rows', async () => {
  const env = { NO_COLOR: '1', TERM: 'xterm' };
  await using terminal = await startOnTerminal(statusAt(daemon.metricsAddress), env, NO_SIZE);
  await terminal.shows('quit');
  terminal.type('q');
  await terminal.shows('ended with 0');
  const [, drawn = ''] = terminal.output.split('\x1b[H');
  const lines = stripVTControlCharacters(drawn.split('\x1b[J')[0] ?? '').split(/\r*\n/);
  assert.ok(lines.length > 10 && lines.length <= 24, String(lines.length));
  const longest = Math.max(...lines.map((line) => line.length));
  assert.ok(longest > 60 && longest <= 80, String(longest));
});

test('Ctrl-C ends it, too, NO_COLOR turns colours off, and it waits for a dns4tor to appear', async () => {
  await using reservation = await reservePort();
  await reservation.release();
  const address = `127.0.0.1:${reservation.port}`;
  await using terminal = await startOnTerminal(statusAt(address), { NO_COLOR: '1', TERM: 'xterm' });
  await terminal.shows('Retrying');
  terminal.type('\x03');
  await terminal.shows('ended with 0');
  assert.ok(terminal.output.includes(LEAVE));
  assert.ok(!terminal.output.includes('\x1b[31m'));
});

test('status reads metrics from a unix socket, which is gone once the daemon has ended', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'metrics');
  const metrics = ['--metrics', `unix:${path}`];
  const start = (): Promise<Daemon> => startDaemon(['--tor-socks', '127.0.0.1:1', ...metrics]);
  await using killed = await start();
  await killed.process.kill();
  assert.ok(existsSync(path));
  await using running = await start();
  const { code, stdout, stderr } = await runCli(['status', ...metrics]);
  assert.deepEqual([code, stderr], [1, '']);
  assert.match(stdout, /^● Not working: /);
  await assert.rejects(start(), /ended \(1\)/);
  assert.ok(existsSync(path));
  await running.process.stop();
  assert.ok(!existsSync(path));
  const unanswered = await runCli(['status', ...metrics]);
  assert.equal(unanswered.stderr, `dns4tor: unix:${path}: ${failureText('ERR_STATUS_UNANSWERED')}\n`);
});
