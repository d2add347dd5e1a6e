import { get, type IncomingMessage } from 'node:http';
import { Dns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { StatusSnapshot } from '../status/snapshot.ts';
import type { Server } from './exchange.ts';

/** Where a running dns4tor serves its status: address and port, or the absolute path of a unix socket. */
export type StatusAddress = Server | { readonly path: string };

/** Time limit for the connection with its first event, and between events, which come every second. */
const SILENCE_MS = 5000;

/** Bound on a response or event. A snapshot has some ten kilobytes. */
const MAX_EVENT_BYTES = 1 << 20;

const DATA = 'data: ';

/** HTTP status of `GET /api/events` when the maximum number of clients watch already. */
const TOO_MANY_WATCHERS = 503;

/**
 * Reads the status of a running dns4tor once.
 *
 * @throws Dns4torError ERR_STATUS_UNANSWERED no dns4tor of this version answers there
 */
export async function readStatus(server: StatusAddress, clock: Clock): Promise<StatusSnapshot> {
  const closing = new AbortController();
  const silence = clock.schedule(SILENCE_MS, () => closing.abort());
  try {
    const response = await open(server, '/api/status', closing.signal);
    if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode}`);
    let text = '';
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_EVENT_BYTES) throw new Error('status too long');
    }
    return toSnapshot(text);
  } catch (error) {
    throw new Dns4torError('ERR_STATUS_UNANSWERED', textOf(server), error);
  } finally {
    silence.cancel();
    closing.abort();
  }
}

/**
 * Yields the status of a running dns4tor at once, then about every second, until the caller stops or `signal` aborts.
 * If the maximum number of clients watch already, yields it once only.
 *
 * @throws Dns4torError ERR_STATUS_UNANSWERED no dns4tor of this version answers there, or it stopped
 */
export async function* watchStatus(
  server: StatusAddress,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<StatusSnapshot> {
  const closing = new AbortController();
  const close = (): void => closing.abort();
  let silence = clock.schedule(SILENCE_MS, close);
  signal.addEventListener('abort', close);
  try {
    const response = await open(server, '/api/events', closing.signal);
    if (response.statusCode === TOO_MANY_WATCHERS) {
      yield await readStatus(server, clock);
      return;
    }
    if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode}`);
    let text = '';
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_EVENT_BYTES) throw new Error('event too long');
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        silence.cancel();
        yield readEvent(event);
        silence = clock.schedule(SILENCE_MS, close);
      }
    }
    if (!signal.aborted) throw new Error('the event stream ended');
  } catch (error) {
    if (signal.aborted) return;
    throw new Dns4torError('ERR_STATUS_UNANSWERED', textOf(server), error);
  } finally {
    silence.cancel();
    signal.removeEventListener('abort', close);
    close();
  }
}

async function open(server: StatusAddress, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const where = 'path' in server ? { socketPath: server.path } : { host: server.address, port: server.port };
  get({ ...where, path, agent: false, signal }, resolve).on('error', reject);
  const response = await promise;
  return response.setEncoding('utf8');
}

function textOf(server: StatusAddress): string {
  return 'path' in server ? `unix:${server.path}` : formatHostPort(server.address, server.port);
}

/** Parses the `data` lines of an event (WHATWG HTML, "Server-sent events"). */
function readEvent(event: string): StatusSnapshot {
  const data = event.split('\n').filter((line) => line.startsWith(DATA));
  return toSnapshot(data.map((line) => line.slice(DATA.length)).join('\n'));
}

function toSnapshot(json: string): StatusSnapshot {
  const snapshot: unknown = JSON.parse(json);
  if (isSnapshot(snapshot)) return snapshot;
  throw new Error('unknown status format');
}

/** Recognises format 1. A snapshot of one format always has all of its fields. */
function isSnapshot(value: unknown): value is StatusSnapshot {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === 1 && 'lastHour' in value;
}
