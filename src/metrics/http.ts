import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { type Dns4torError, toDns4torError } from '../lib/errors.ts';
import { toListenError } from '../lib/listen-error.ts';
import { EventStream } from './event-stream.ts';
import { isAllowedHost } from './host-header.ts';
import { listenAt, type MetricsPlace } from './listen.ts';
import type { ReadPageFile } from './page-files.ts';
import type { Exposition } from './prometheus.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** Whether queries are being answered. */
export interface Readiness {
  readonly ready: boolean;
  /** One sentence for a person. Never holds a name that was asked for. */
  readonly detail: string;
  /** Absent while there was no answer yet. */
  readonly lastAnswerSecondsAgo?: number;
}

export interface MetricsServerOptions {
  readonly place: MetricsPlace;
  readonly exposition: Exposition;
  /** Asked for each `/ready`; settles by itself within a few seconds. */
  readonly ready: () => Promise<Readiness>;
  /** How everything stands, to be shown as JSON. */
  readonly status: () => object;
  /** The page that shows it. */
  readonly readPageFile: ReadPageFile;
  readonly clock: Clock;
  /** Told of defects that a client learns only as a status 500, and of connections that could not be accepted. */
  readonly onError: (error: Dns4torError) => void;
}

export interface MetricsServer extends AsyncDisposable {
  /** host:port that it is bound to, or unix:/path. */
  readonly address: string;
  /** Whether a browser can come. */
  readonly isTcp: boolean;
}

interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

/** One scraper, one supervisor and a person or two; what is beyond that is not let in. */
const MAX_CONNECTIONS = 32;
/**
 * For the whole of a request's header and its (refused) body; a scraper on the same network needs milliseconds. Node looks
 * for overdue ones every 30 s, which is often enough to free a place and seldom enough not to wake a laptop.
 */
const REQUEST_TIMEOUT_MS = 5_000;
/** A connection on which nothing moves, a scrape that the client does not read included. */
const SOCKET_TIMEOUT_MS = 30_000;
const MAX_HEADER_BYTES = 8_192;
/** How long requests that are being answered may take to end when the server closes. */
const CLOSE_GRACE_MS = 1_000;

const TEXT = 'text/plain; charset=utf-8';

/**
 * Serves the status page, `/metrics`, `/healthcheck` (200 while the process is alive), `/ready` (200 or 503), `/api/status` (JSON) and `/api/events`, the same
 * about each second as server-sent events, over HTTP.
 * @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN_FD, ERR_LISTEN_PATH or ERR_LISTEN
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { clock, onError } = options;
  const events = new EventStream(clock, options.status, onError);
  let closing = false;
  const server = createServer(
    {
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      answerTo(request, host, options)
        .then((answer) => {
          if (answer !== 'events') return answer;
          return events.open(response, request.method === 'HEAD') ? undefined : TOO_MANY_WATCHERS;
        })
        .catch((error: unknown) => {
          onError(toDns4torError(error));
          return text(500, 'Internal error; the log says more\n');
        })
        .then((page) => {
          if (page !== undefined) send(response, page, closing);
        })
        .catch((error: unknown) => onError(toDns4torError(error)));
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(SOCKET_TIMEOUT_MS);

  const { address, host } = await listenAt(server, options.place);
  // What is left to fail is accept(), for want of descriptors. It is tried again for the next connection.
  server.on('error', (error) => onError(toListenError(error, address)));

  return {
    address,
    isTcp: host !== undefined,
    async [Symbol.asyncDispose]() {
      if (closing) return;
      closing = true;
      events[Symbol.dispose]();
      const timer = clock.schedule(CLOSE_GRACE_MS, () => server.closeAllConnections());
      await new Promise<void>((resolve) => server.close(() => resolve()));
      timer.cancel();
    },
  };
}

type Resource = (options: MetricsServerOptions) => Promise<Page> | Page | 'events';

/** What there is, by path. */
const RESOURCES: ReadonlyMap<string, Resource> = new Map<string, Resource>([
  ['/metrics', metrics],
  ['/healthcheck', () => text(200, 'OK\n')],
  ['/ready', readiness],
  ['/api/status', ({ status }) => json(200, status())],
  ['/api/events', () => 'events'],
]);

async function answerTo(
  request: IncomingMessage,
  host: string | undefined,
  options: MetricsServerOptions,
): Promise<Page | 'events'> {
  if (host !== undefined && !isAllowedHost(request.headers.host, host)) {
    return text(403, 'Forbidden: ask for this server by its IP address or as localhost, not by another name\n');
  }
  const path = URL.parse(request.url ?? '', 'http://localhost')?.pathname ?? '';
  const resource = RESOURCES.get(path) ?? (await pageResource(path, options));
  if (resource === undefined) return text(404, `Not found; there are /, ${[...RESOURCES.keys()].join(', ')}\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'Method not allowed\n');
  return resource(options);
}

async function pageResource(path: string, { readPageFile }: MetricsServerOptions): Promise<Resource | undefined> {
  const file = await readPageFile(path);
  return file && (() => ({ status: 200, ...file }));
}

async function metrics({ exposition }: MetricsServerOptions): Promise<Page> {
  return { status: 200, contentType: exposition.contentType, body: await exposition.render() };
}

async function readiness({ ready }: MetricsServerOptions): Promise<Page> {
  const answer = await ready();
  const status = answer.ready ? 200 : 503;
  return json(status, { status, ...answer });
}

function json(status: number, value: object): Page {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}

const TOO_MANY_WATCHERS: Page = text(503, 'Too many are watching already; /api/status can still be asked\n');

function text(status: number, body: string): Page {
  return { status, contentType: TEXT, body };
}

function send(response: ServerResponse, { status, contentType, body }: Page, closing: boolean): void {
  // RFC 9110 §15.5.6: a 405 MUST name the methods that are allowed. Whatever body came with the others is not read.
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  if (closing || status === 405) response.setHeader('Connection', 'close');
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
