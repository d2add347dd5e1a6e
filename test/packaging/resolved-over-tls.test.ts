import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { made } from '../certificate/made.ts';
import { blockAt } from '../docs/pages.ts';
import { readDigReply } from '../fixtures/dns/dig.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { prepareResolved } from './real-resolved.ts';

const SERVER = fileURLToPath(new URL('dot-answers.ts', import.meta.url));
const RECIPE = blockAt('docs/browsers-and-phones.md', 'systemd-resolved', 'conf');
const [ADDRESS, NAME] = ['192.168.1.2', 'dns.home.arpa'];

/*
 * The real systemd-resolved with the configuration of docs/browsers-and-phones.md.
 */

test('systemd-resolved asks over TLS only a server whose certificate it can verify', async () => {
  await using resolved = await prepareResolved();
  const { namespace, etc } = resolved;
  // Without a link, resolved asks no server.
  for (const words of [
    'link add link0 type veth peer name link1',
    `address add ${ADDRESS}/24 dev link0`,
    'link set link0 up',
    'link set link1 up',
  ]) {
    await namespace.run(await findProgram('ip'), ...words.split(' '));
  }
  await using files = await createTemporaryDirectory();
  const store = join(etc, 'ssl/certs');
  await mkdir(store, { recursive: true });
  const trusted = made([NAME, ADDRESS]);
  // As update-ca-certificates does, for OpenSSL and for GnuTLS.
  for (const name of ['dns4tor.pem', 'ca-certificates.crt']) {
    await writeFile(join(store, name), trusted.authority.certificate.toString());
  }
  await runProgram('openssl', ['rehash', store]);

  const isAnswered = async (recipe: string, { changes }: typeof trusted): Promise<boolean> => {
    await writeFile(join(etc, 'systemd/resolved.conf'), recipe);
    for (const { name, text = '', mode } of changes) await writeFile(join(files.path, name), text, { mode });
    const [nsenter, ...words] = [...namespace.via, process.execPath, SERVER, files.path, ADDRESS];
    await using server = await startProcess(nsenter, words);
    await server.waitUntil('it listens', 10_000, () => server.output.includes('listening'));
    await resolved.restart();
    const dig = [await findProgram('dig'), '-r', '@127.0.0.53', '+tries=1', '+time=5', 'www.example', 'A'] as const;
    // While it tries a server again and again, resolved does not reply.
    return await namespace.run(...dig).then(
      (output) => readDigReply(output).answer.length > 0,
      () => false,
    );
  };
  assert.ok(await isAnswered(RECIPE, trusted));
  // Without a name, the address counts.
  assert.ok(await isAnswered(RECIPE.replace(`#${NAME}`, ''), trusted));
  assert.ok(!(await isAnswered(RECIPE.replace(NAME, 'other.example'), trusted)));
  assert.ok(!(await isAnswered(RECIPE, made([NAME, ADDRESS]))));
  assert.ok(await isAnswered(RECIPE, trusted));
});
