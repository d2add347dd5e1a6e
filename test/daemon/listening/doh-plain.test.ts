import assert from 'node:assert/strict';
import { lstat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { NOT_HANDED_OVER } from '../../../src/daemon/handed-over.ts';
import { openDohPlain } from '../../../src/daemon/listening/doh-plain.ts';
import type { Drainable } from '../../../src/daemon/listening/listen.ts';
import { createLogger } from '../../../src/log/logger.ts';
import type { Handler } from '../../../src/model/query.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { echo, HeldHandler, parts } from '../../listener/harness.ts';

const MODE_BITS = 0o7777;
const PATH = '/dns-query';

interface Opened extends Drainable {
  readonly places: readonly string[];
  /** Logged events with their addresses. */
  readonly logged: readonly string[];
}

async function open(
  path: string | undefined,
  stack: AsyncDisposableStack,
  { handler = echo, handedOver = {} }: { handler?: Handler; handedOver?: Partial<typeof NOT_HANDED_OVER> } = {},
): Promise<Opened> {
  const logged: string[] = [];
  const logger = createLogger('info', 'json', new ManualClock(), (line) => {
    const { event, address } = JSON.parse(line);
    logged.push(`${event} ${address}`);
  });
  const encrypted = {
    dohAddresses: [],
    dohPort: 443,
    dohPath: PATH,
    dotAddresses: [],
    dotPort: 853,
    tls: undefined,
    dohPlain: path === undefined ? undefined : ({ kind: 'unix', path } as const),
  };
  const components = { ...parts(handler), isAllowed: () => true };
  const options = { config: { encrypted }, handedOver: { ...NOT_HANDED_OVER, ...handedOver }, logger };
  return { ...(await openDohPlain(components, options, stack)), logged };
}

function ask(path: string, ...flags: readonly string[]): Promise<string> {
  const url = `http://any.example${PATH}?dns=${Buffer.from(buildQuery()).toString('base64url')}`;
  const format = ['--output', '/dev/null', '--write-out', '%{http_version} %{http_code}'];
  return runProgram('curl', ['--silent', '--unix-socket', path, ...format, ...flags, url]);
}

test('both versions of HTTP are served on a socket for its user and group, which is removed at the end', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'doh');
  await using stack = new AsyncDisposableStack();
  const { logged, places } = await open(path, stack);
  assert.deepEqual(logged, [`listening_encrypted unix:${path}`]);
  assert.deepEqual(places, [`unix:${path}`]);
  assert.equal((await lstat(path)).mode & MODE_BITS, 0o660);
  assert.equal(await ask(path, '--http1.1'), '1.1 200');
  assert.equal(await ask(path, '--http2-prior-knowledge'), '2 200');
  await stack.disposeAsync();
  await assert.rejects(lstat(path), { code: 'ENOENT' });
});

test('the client of a query is this machine', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'doh');
  await using stack = new AsyncDisposableStack();
  const held = new HeldHandler();
  await open(path, stack, { handler: held.handle });
  for (const [index, version] of ['--http1.1', '--http2-prior-knowledge'].entries()) {
    const answered = ask(
      path,
      version,
      '--header',
      'X-Forwarded-For: 192.0.2.1',
      '--header',
      'Forwarded: for=192.0.2.1',
    );
    await held.begun(index + 1);
    const { client, server, transport } = held.queries[index] ?? assert.fail();
    assert.deepEqual({ client, server, transport }, { client: '127.0.0.1', server: undefined, transport: 'doh' });
    held.answer(index);
    await answered;
  }
});

test('a drain answers what is in flight', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'doh');
  await using stack = new AsyncDisposableStack();
  const held = new HeldHandler();
  const plain = await open(path, stack, { handler: held.handle });
  const answered = ask(path);
  await held.begun(1);
  const drained = plain.drain();
  held.answer(0);
  assert.equal(await answered, '1.1 200');
  await drained;
});

test('without the option nothing is opened', async () => {
  await using stack = new AsyncDisposableStack();
  assert.deepEqual((await open(undefined, stack)).logged, []);
});

test('a file that is in the way is an error', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'doh');
  await writeFile(path, '');
  await using stack = new AsyncDisposableStack();
  await assert.rejects(open(path, stack), { code: 'ERR_LISTEN_DOH_PLAIN' });
});

test('with sockets from the service manager, none is opened, and a missing one is logged', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'doh');
  await using stack = new AsyncDisposableStack();
  const { logged } = await open(path, stack, { handedOver: { dns: [3] } });
  assert.deepEqual(logged, [`listening_absent unix:${path}`]);
  await assert.rejects(lstat(path), { code: 'ENOENT' });
});
