import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { forwardTo } from '../../fixtures/dns/doh-behaviours.ts';
import { startNsd } from '../../fixtures/dns/nsd.ts';
import type { RecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import type { ConfinedDaemon } from '../../leaks/confined-daemon.ts';
import { type ConfinedBehindDouble, startConfinedBehindDouble } from '../../leaks/confined-double.ts';
import { type Namespace, startNamespace } from '../../leaks/namespace.ts';
import { sumOf } from '../../protocol/lab.ts';
import { type CertificateFiles, type MadeCertificate, makeCertificate } from './certificates.ts';
import { watchDepartures } from './departures.ts';
import { createEchKeys } from './ech-keys.ts';
import { startHiddenSite } from './hidden-site.ts';
import { httpsFirst } from './https-first.ts';
import { ADDRESSES, COVER, DOH_ADDRESS, FORGED, HIDDEN, ZONE } from './places.ts';
import { type Question, questionIn } from './question.ts';

const WEB_SERVERS = fileURLToPath(new URL('web-servers.ts', import.meta.url));
const START_TIMEOUT_MS = 10_000;

/** What a web server noted. */
export interface WebEvent {
  /** The scheme of a request. */
  readonly request?: 'http' | 'https';
  readonly host?: string;
  /** The server name that a client of the hidden site sent in the clear. */
  readonly clear?: string;
  /** The unix socket that leads to Firefox. */
  readonly relay?: string;
}

/**
 * A machine whose system resolver cannot answer, with dns4tor serving DNS over HTTPS, web sites, and everything that
 * they need. A browser on it can only learn addresses from dns4tor.
 */
export interface BrowserLab extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly daemon: ConfinedDaemon;
  readonly upstream: RecordingDohServer;
  /**
   * Replaces dns4tor and its upstream.
   *
   * @param files what dns4tor presents. @default its certificate
   */
  restart(files?: CertificateFiles): Promise<void>;
  /** What `dns4tor certificate` made for it. */
  readonly certificate: MadeCertificate;
  /** PEM file of the authority of the web sites, which has nothing to do with dns4tor's. */
  readonly siteAuthority: string;
  /** What the web servers noted so far. */
  readonly web: readonly WebEvent[];
  /** A unix socket that leads to port MARIONETTE_PORT of the namespace. */
  readonly marionette: string;
  /** The types of the upstream queries for a name, sorted. */
  askedUpstream(name: string): readonly Question['type'][];
  /** Where packets went that left the machine, over IPv4: `udp 192.0.2.53:53` and the like, each once. */
  departures(): Promise<readonly string[]>;
  /** The number of queries that dns4tor has counted with these labels. */
  queries(labels: Readonly<Record<string, string>>): Promise<number>;
}

/** @param flags of dns4tor */
export async function startBrowserLab(...flags: readonly string[]): Promise<BrowserLab> {
  await using resources = new AsyncDisposableStack();
  const ca = resources.use(await createCertificateAuthority());
  const namespace = resources.use(await startNamespace());
  const ip = await findProgram('ip');
  for (const address of [ADDRESSES.hidden, ADDRESSES.printer]) {
    await namespace.run(ip, 'address', 'add', `${address}/32`, 'dev', 'lo');
  }
  const departures = await watchDepartures(namespace);
  const keys = createEchKeys(COVER);
  const { path: directory } = resources.use(await createTemporaryDirectory());
  const names = await readFile(new URL('names.zone', import.meta.url), 'utf8');
  const hidden = `hidden A ${ADDRESSES.hidden}\nhidden HTTPS 1 . alpn=http/1.1 ech=${keys.configs}\n`;
  await writeFile(join(directory, 'names.zone'), names + hidden);
  const nsd = resources.use(await startNsd(directory, { '.': 'names.zone' }));

  const certificate = await makeCertificate(join(directory, 'tls'), DOH_ADDRESS);
  const serve = async ({ certificatePath, keyPath }: CertificateFiles): Promise<ConfinedBehindDouble> => {
    const doh = ['--doh-address', DOH_ADDRESS, '--tls-cert', certificatePath, '--tls-key', keyPath];
    const started = await startConfinedBehindDouble(namespace, [...doh, ...flags]);
    started.upstream.behaviour = httpsFirst(forwardTo({ host: '127.0.0.1', port: nsd.port }));
    return started;
  };
  let served = await serve(certificate.server);
  resources.defer(() => served[Symbol.asyncDispose]());

  const web: WebEvent[] = [];
  const site = await ca.issue([`*.${ZONE}`]);
  const misused = resources.use(await createCertificateAuthority(certificate.authority));
  const ofDns4tor = [await misused.issue([FORGED]), await misused.issue([DOH_ADDRESS])];
  const pairs = [site, ...ofDns4tor].flatMap((pair) => [pair.certificatePath, pair.keyPath]);
  const [program = '', ...args] = [...namespace.via, process.execPath, WEB_SERVERS, ...pairs];
  const servers = resources.use(
    await startProcess(program, args, {
      onLine(line) {
        if (line.startsWith('{')) web.push(JSON.parse(line));
      },
    }),
  );
  await servers.waitUntil('the web servers listen', START_TIMEOUT_MS, () => web.length > 0);
  resources.use(await startHiddenSite(namespace, await ca.issue([HIDDEN]), keys));

  const running = resources.move();
  return {
    namespace,
    get daemon() {
      return served.daemon;
    },
    get upstream() {
      return served.upstream;
    },
    async restart(files = certificate.server) {
      await served[Symbol.asyncDispose]();
      served = await serve(files);
    },
    certificate,
    siteAuthority: ca.certificatePath,
    web,
    marionette: web[0]?.relay ?? '',
    askedUpstream: (name) =>
      served.upstream.requests
        .map(({ query }) => questionIn(query))
        .filter((question) => question.name === name)
        .map(({ type }) => type)
        .toSorted(),
    departures,
    queries: async (labels) => sumOf((await served.daemon.page('/metrics')).body, 'coredns_dns_requests_total', labels),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
