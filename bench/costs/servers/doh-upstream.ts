import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createCertificateAuthority } from '../../../test/fixtures/certificates.ts';
import { startProcess } from '../../../test/fixtures/process/process.ts';
import { createOnionKey } from '../../../test/fixtures/tor/onion-key.ts';

const SCRIPT = fileURLToPath(new URL('doh-process.ts', import.meta.url));
const START_TIMEOUT_MS = 10_000;

/** Replaces Tor and the resolver: one process with a SOCKS server that leads to a DoH server. */
export interface DohUpstream extends AsyncDisposable {
  readonly pid: number;
  readonly socksPort: number;
  /** Name in the DoH server's certificate. */
  readonly host: string;
  /** PEM file of the authority that signed it. */
  readonly authorityPath: string;
  /** Flags that make dns4tor use it. */
  readonly flags: readonly string[];
}

export async function startDohUpstream(): Promise<DohUpstream> {
  await using resources = new AsyncDisposableStack();
  const host = createOnionKey().address;
  const ca = resources.use(await createCertificateAuthority());
  const certificate = await ca.issue([host]);
  const running = resources.use(
    await startProcess(process.execPath, [SCRIPT, certificate.certificatePath, certificate.keyPath]),
  );
  const port = (): string | undefined => /SOCKS port (\d+)\n/.exec(running.output)?.[1];
  await running.waitUntil('it serves', START_TIMEOUT_MS, () => port() !== undefined);
  const owned = resources.move();
  return {
    pid: running.pid,
    socksPort: Number(port()),
    host,
    authorityPath: ca.certificatePath,
    flags: [
      '--upstream',
      `https://${host}/dns-query`,
      '--upstream-ca',
      ca.certificatePath,
      '--tor-socks',
      `127.0.0.1:${port()}`,
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
