import { join } from 'node:path';
import type { ServerCertificate } from '../../fixtures/certificates.ts';
import type { NetworkNamespace } from '../../fixtures/namespace/network-namespace.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import type { EchKeys } from './ech-keys.ts';
import { SELFSERV_PORT } from './places.ts';

const START_TIMEOUT_MS = 10_000;
const NICKNAME = 'hidden';
const PASSWORD = 'none';

/**
 * Starts a web server with Encrypted Client Hello, which answers with the request that it received.
 *
 * @param certificate for its own name only: a browser whose Client Hello it could not decrypt sees the wrong name
 */
export async function startHiddenSite(
  namespace: NetworkNamespace,
  { certificatePath, keyPath }: ServerCertificate,
  keys: EchKeys,
): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await createTemporaryDirectory());
  const database = `sql:${path}`;
  const bundle = join(path, 'bundle.p12');
  await runProgram('certutil', ['-N', '-d', database, '--empty-password']);
  const bundled = ['-in', certificatePath, '-inkey', keyPath, '-name', NICKNAME];
  await runProgram('openssl', ['pkcs12', '-export', ...bundled, '-out', bundle, '-passout', `pass:${PASSWORD}`]);
  await runProgram('pk12util', ['-i', bundle, '-d', database, '-W', PASSWORD, '-K', '']);
  const [program, ...args] = [...namespace.via, await findProgram('selfserv')];
  const identity = ['-d', database, '-n', NICKNAME, '-X', keys.server];
  const options = ['-v', '-p', String(SELFSERV_PORT), '-V', 'tls1.3:tls1.3', '-Q'];
  const server = resources.use(await startProcess(program, [...args, ...options, ...identity]));
  await server.waitUntil('the hidden site listens', START_TIMEOUT_MS, () => server.output.includes('accept'));
  return resources.move();
}
