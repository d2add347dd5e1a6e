import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startProcess } from '../fixtures/process/process.ts';
import { type Namespace, OWN_ADDRESS, startNamespace } from '../leaks/namespace.ts';

const PROCESS = fileURLToPath(new URL('laboratory-process.ts', import.meta.url));
const START_TIMEOUT_MS = 180_000;

/** A Tor network with a resolver at an onion, in a network namespace that counts every leaving packet. */
export interface ConfinedLaboratory extends AsyncDisposable {
  readonly namespace: Namespace;
  /** The resolver's onion URL. */
  readonly upstream: string;
  /** PEM of the certificate authority. */
  readonly ca: string;
  /** The torrc lines of a client of the network. */
  readonly clientTorrc: readonly string[];
}

export async function startConfinedLaboratory(onProgress: (step: string) => void): Promise<ConfinedLaboratory> {
  await using resources = new AsyncDisposableStack();
  const namespace = resources.use(await startNamespace());
  const [program, ...args] = [...namespace.via, process.execPath, PROCESS, OWN_ADDRESS];
  let ready = '';
  const laboratory = resources.use(
    await startProcess(program, args, {
      onLine(line) {
        if (line.startsWith('ready ')) ready = line.slice('ready '.length);
        else onProgress(line);
      },
    }),
  );
  await laboratory.waitUntil('it is ready', START_TIMEOUT_MS, () => ready !== '');
  const { upstream, caPath, clientTorrc } = JSON.parse(ready);
  const ca = await readFile(caPath, 'utf8');
  const running = resources.move();
  return { namespace, upstream, ca, clientTorrc, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
