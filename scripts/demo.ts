// `npm run demo`: runs dns4tor on a private Tor network with a resolver behind an onion, all on this machine, until
// Ctrl-C. `npm run demo -- --port 5300` uses another port.
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/lib/clock.ts';
import { createCertificateAuthority } from '../test/fixtures/certificates.ts';
import { startAuthoritativeServer } from '../test/fixtures/dns/authoritative-server.ts';
import { dig } from '../test/fixtures/dns/dig.ts';
import { startDohServer } from '../test/fixtures/dns/doh-server.ts';
import { LAB_ZONE } from '../test/fixtures/dns/lab-zone.ts';
import { type RunningProcess, startProcess } from '../test/fixtures/process/process.ts';
import { createOnionKey } from '../test/fixtures/tor/onion-key.ts';
import { startTorNetwork } from '../test/fixtures/tor/tor-network.ts';

const COMMAND = fileURLToPath(new URL('../dist/launch/dns4tor.js', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../dist/launch/launch.sh', import.meta.url));
const ANSWER_TIMEOUT_MS = 60_000;

/** The last `--port` counts: npm appends the user's arguments to those of package.json. */
const PORT = process.argv[process.argv.lastIndexOf('--port') + 1] ?? '';

const startedAtMs = systemClock.now();
const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);

process.exit(await run());

/** Resolves to the exit code. */
async function run(): Promise<number> {
  const resources = new AsyncDisposableStack();
  let exitCode = 0;
  try {
    await Promise.race([interrupted, startAll(resources).then(untilEnd)]);
    say('ending all of it');
  } catch (error) {
    say(`it did not work: ${error instanceof Error ? error.message : String(error)}`);
    exitCode = 1;
  }
  await resources.disposeAsync();
  return exitCode;
}

async function startAll(resources: AsyncDisposableStack): Promise<RunningProcess> {
  say('starting an authoritative DNS server (nsd) for signed zones');
  const authority = resources.use(await startAuthoritativeServer());
  say('making a certificate authority, and a certificate for an onion address');
  const ca = resources.use(await createCertificateAuthority());
  const onionKey = createOnionKey();
  const certificate = await ca.issue([onionKey.address]);
  say('starting a validating DNS-over-HTTPS resolver (unbound) with it');
  const onionTarget = resources.use(await startDohServer({ authority, certificate, validate: true }));
  const network = resources.use(await startTorNetwork({ onionTarget, onionKey, onProgress: say }));

  const args = [
    'proxy-dns',
    '--address',
    '127.0.0.1',
    '--port',
    PORT,
    '--tor-socks',
    `unix:${network.client.socksPath}`,
  ];
  args.push('--upstream', `https://${network.onion}${onionTarget.path}`, '--upstream-ca', ca.certificatePath);
  say(`starting: dns4tor ${args.join(' ')}`);
  const onLine = (line: string): void => say(`  ${line}`);
  const daemon = resources.use(
    await startProcess('/bin/sh', [LAUNCHER, process.execPath, COMMAND, ...args], { onLine }),
  );
  await daemon.waitUntil('a first answer arrives', ANSWER_TIMEOUT_MS, isAnswering);
  explain();
  return daemon;
}

async function untilEnd(daemon: RunningProcess): Promise<void> {
  throw new Error(`dns4tor has ended (${await daemon.ended})`);
}

async function isAnswering(): Promise<boolean> {
  try {
    const { status } = await dig('@127.0.0.1', '-p', PORT, '+timeout=5', `a.${LAB_ZONE}`, 'A');
    return status === 'NOERROR';
  } catch {
    // Nothing listens there yet.
    return false;
  }
}

function explain(): void {
  say('answers come through Tor');
  const zone = LAB_ZONE.slice(0, -1);
  process.stdout.write(`
Try, in another terminal:

  dig @127.0.0.1 -p ${PORT} chain.${zone}             a chain of names; ask again, and the TTLs have counted down
  dig @127.0.0.1 -p ${PORT} a.signed.${zone} +dnssec  signed: the resolver vouches for it by the "ad" flag
  dig @127.0.0.1 -p ${PORT} long-txt.${zone} TXT      4 kB: too much for UDP, so dig comes back over TCP

Ctrl-C ends all of it.
`);
}

function say(step: string): void {
  const seconds = ((systemClock.now() - startedAtMs) / 1000).toFixed(1);
  process.stdout.write(`${seconds.padStart(6)} s  ${step}\n`);
}
