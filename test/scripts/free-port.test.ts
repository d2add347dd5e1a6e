import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireFreePort } from '../../scripts/free-port.js';
import { reservePort } from '../fixtures/process/reserve-port.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const SCRIPTS = fileURLToPath(new URL('../../scripts', import.meta.url));

const on = (port: number, address = '127.0.0.1'): string[] => ['proxy-dns', '--address', address, '--port', `${port}`];

test('a port that is taken for UDP alone, or for TCP alone, is refused, and the error names the holder', async () => {
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  const tcp = createServer().listen(0, '127.0.0.1');
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
  const address = tcp.address();
  assert.ok(typeof address === 'object' && address !== null);
  try {
    for (const { port } of [udp.address(), address]) {
      const refused = requireFreePort(on(port));
      await assert.rejects(refused, ({ message }: Error) => {
        assert.ok(message.includes(String(port)) && message.includes('127.0.0.1'), message);
        // This process holds it. Its main thread is not named after the program.
        assert.match(message, /\(\S+\)/);
        return true;
      });
      await assert.rejects(requireFreePort(on(port, 'localhost')));
      await assert.rejects(requireFreePort(['-address=127.0.0.1', '--port', '1', `-port=${port}`]));
    }
  } finally {
    udp.close();
    tcp.close();
  }
});

test('a free port, port 0 and arguments that open no port pass', async () => {
  await using reserved = await reservePort();
  await requireFreePort([...on(reserved.port), '--check']);
  await requireFreePort([...on(reserved.port), '--help']);
  await requireFreePort([...on(reserved.port), '--port', '0']);
  await requireFreePort(on(reserved.port, '127.0.0.2'));
  await requireFreePort(on(reserved.port, '192.0.2.1'));
  await requireFreePort([]);
  await reserved.release();
  await requireFreePort(on(reserved.port));
  await requireFreePort(on(reserved.port, 'localhost'));
});

for (const [script, args] of [
  ['start.js', []],
  ['run.js', ['scripts/demo.ts', '--address', '127.0.0.1', '--port', '5053']],
] as const) {
  test(`${script} reports a busy port in a fresh checkout before it installs or builds anything`, async () => {
    await using reserved = await reservePort();
    await using checkout = await createTemporaryDirectory();
    await cp(SCRIPTS, join(checkout.path, 'scripts'), { recursive: true });
    // A program that is started at all fails the test.
    const programs = join(checkout.path, 'programs');
    await mkdir(programs);
    for (const name of ['npm', 'apt-get', 'tor']) {
      await writeFile(join(programs, name), `#!/bin/sh\necho "${name} was started"\n`, { mode: 0o755 });
    }
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(checkout.path, 'scripts', script), ...args, '--port', `${reserved.port}`],
      { env: { PATH: programs }, encoding: 'utf8' },
    );
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.ok(stderr.includes(String(reserved.port)), stderr);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  });
}
