import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { type Dns4torError, toDns4torError, toListenError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { BYTES_PER_KIB } from '../lib/units.ts';
import type { Exposition } from '../metrics/prometheus.ts';
import { EventStream } from './event-stream.ts';
import { judgeHost, mayBeBrowser, pathOf } from './host-header.ts';
import { HttpConnections } from './http-connections.ts';
import { listenAt, type MetricsEndpoint } from './http-listener.ts';
import type { ReadPageFile } from './page-files.ts';
import { type HttpResponse, json, send, text } from './responses.ts';
import { SharedWork } from './shared-work.ts';

/** Whether queries are being answered; the body of `/ready`. */
export interface Readiness {
  readonly ready: boolean;
  /** The state of the service, as in the status: `starting`, `stuck`, … */
  readonly state: string;
  /** One sentence for people. Never contains a queried name. */
  readonly detail: string;
  /** Absent before the first answer. */
  readonly lastAnswerSecondsAgo?: number;
}

/** What the server serves, and where it listens. */
export interface MetricsServerOptions {
  readonly endpoint: MetricsEndpoint;
  /** Host names of this server, in lower case, besides `localhost`. @default none */
  readonly hostNames?: readonly string[];
  readonly exposition: Exposition;
  /** Called for each `/ready`. Must settle within a few seconds. */
  readonly ready: () => Promise<Readiness>;
  /** The status snapshot, served as JSON. */
  readonly status: () => object;
  /** Reads the files of the status page. */
  readonly readPageFile: ReadPageFile;
  readonly clock: Clock;
  /** Called for defects, which a client sees only as status 500, and for connections that could not be accepted. */
  readonly onError: (error: Dns4torError) => void;
}

/** A running server. Disposing it answers the requests in flight, within a second. */
export interface MetricsServer extends AsyncDisposable {
  /** The bound address: host:port or unix:/path. */
  readonly address: string;
  /** Whether it listens on TCP, where browsers can reach it. */
  readonly isTcp: boolean;
  /** Whether the usual port was taken, so that the server listens on another one. */
  readonly isElsewhere: boolean;
}

const MAX_HEADER_BYTES: number = 8 * BYTES_PER_KIB;
/** Time limit for requests in flight when the server closes. */
const CLOSE_GRACE_MS = 1000;

/**
 * Starts the HTTP server for the status page, `/metrics`, `/healthcheck` (200 while the process is alive), `/ready`
 * (200 or 503), `/api/status` (JSON) and `/api/events` (the same once per second, as server-sent events). Each
 * connection serves one request.
 * @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN_FD, ERR_LISTEN_PATH or
 *   ERR_LISTEN
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { clock, onError } = options;
  const sources: Sources = {
    ...options,
    metrics: new SharedWork(clock, () => options.exposition.render()),
    snapshot: new SharedWork(clock, () => JSON.stringify(options.status())),
  };
  const events = new EventStream(clock, options.status, onError);
  let closing = false;

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    connections.answering(request.socket);
    answerTo(request, host, sources)
      .then((answer) => {
        if (answer !== 'events') return answer;
        const isHead = request.method === 'HEAD';
        if (!events.open(response, isHead)) return TOO_MANY_WATCHERS;
        if (isHead) connections.sending(request.socket);
        else connections.streaming(request.socket);
        return undefined;
      })
      .catch((error: unknown) => {
        onError(toDns4torError(error));
        return text(500, 'Internal error; see the log\n');
      })
      .then((complete) => {
        if (complete === undefined) return;
        send(response, complete);
        connections.sending(request.socket);
      })
      .catch((error: unknown) => onError(toDns4torError(error)));
  };
  // It does not listen, and only parses the connections passed to it below. No environment variable makes its parser
  // lenient.
  const parser = createHttpServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    requireHostHeader: true,
  });
  parser.maxHeadersCount = 0;
  parser.on('request', handle).on('checkExpectation', handle);
  const connections = new HttpConnections(clock, (connection) => parser.emit('connection', connection));

  const server = createServer({ allowHalfOpen: true }, (socket) => connections.add(socket));
  const { address, host, isElsewhere = false } = await listenAt(server, options.endpoint);
  // From here on, only accept(2) can fail, for lack of file descriptors. Node tries again for the next connection.
  server.on('error', (error) => onError(toListenError(error, address)));

  return {
    address,
    isTcp: host !== undefined,
    isElsewhere,
    async [Symbol.asyncDispose]() {
      if (closing) return;
      closing = true;
      events[Symbol.dispose]();
      const timer = clock.schedule(CLOSE_GRACE_MS, () => connections.closeAll());
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.closeIdle();
      await closed;
      timer.cancel();
    },
  };
}

interface Sources extends MetricsServerOptions {
  readonly metrics: SharedWork<string>;
  /** The status as JSON. */
  readonly snapshot: SharedWork<string>;
}

type Resource = (sources: Sources) => Promise<HttpResponse> | HttpResponse | 'events';

/**
 * Served to programs whatever host they name: Prometheus uses the name of a service, a health probe that of a
 * container.
 */
const FOR_ANY_HOST: ReadonlySet<string> = new Set(['/metrics', '/ready', '/healthcheck']);

/** The resources by path. The files of the status page come on top. */
const RESOURCES: ReadonlyMap<string, Resource> = new Map<string, Resource>([
  ['/metrics', metrics],
  ['/healthcheck', () => text(200, 'OK\n')],
  ['/ready', readiness],
  ['/api/status', async ({ snapshot }) => json(200, await snapshot.run())],
  ['/api/events', () => 'events'],
]);

async function answerTo(
  request: IncomingMessage,
  host: string | undefined,
  sources: Sources,
): Promise<HttpResponse | 'events'> {
  const verdict = judgeHost(request, host, sources.hostNames);
  if (verdict === 'malformed') return text(400, 'Bad request: send exactly one Host header with a valid host\n');
  const path = pathOf(request);
  if (verdict === 'foreign' && (!FOR_ANY_HOST.has(path) || mayBeBrowser(request))) return FOREIGN;
  const resource = RESOURCES.get(path) ?? (await pageResource(path, sources));
  if (resource === undefined) return text(404, `Not found; available: /, ${[...RESOURCES.keys()].join(', ')}\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'Method not allowed\n');
  return resource(sources);
}

async function pageResource(path: string, { readPageFile }: Sources): Promise<Resource | undefined> {
  const file = await readPageFile(path);
  return file && (() => ({ status: 200, ...file }));
}

async function metrics({ exposition, metrics: rendered }: Sources): Promise<HttpResponse> {
  return { status: 200, contentType: exposition.contentType, body: await rendered.run() };
}

async function readiness({ ready }: Sources): Promise<HttpResponse> {
  const answer = await ready();
  const status = answer.ready ? 200 : 503;
  return json(status, JSON.stringify({ status, ...answer }));
}

const FOREIGN: HttpResponse = text(
  403,
  'Forbidden: use the IP address of this server or localhost, or allow the name with --metrics-host\n',
);

const TOO_MANY_WATCHERS: HttpResponse = text(503, 'Too many event streams are open; use /api/status instead\n');
