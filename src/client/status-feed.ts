import { get, type IncomingMessage } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { Dns4torError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { StatusSnapshot } from '../status/snapshot.ts';
import type { Server } from './exchange.ts';

/** Where a running dns4tor serves its metrics: an address, or the absolute path of a unix socket. */
export type StatusPlace = Server | { readonly path: string };

/** For a connection and the first event, and then between two of them: they come each second. */
const SILENCE_MS = 5000;

/** A snapshot has some ten kilobytes; what is far beyond is none. */
const MAX_EVENT_BYTES = 1 << 20;

const DATA = 'data: ';

/** No more may watch; see `GET /api/events`. */
const TOO_MANY = 503;

/**
 * How a running dns4tor stands.
 *
 * @throws Dns4torError ERR_STATUS_UNANSWERED when nothing that dns4tor would say comes from there
 */
export async function readStatus(place: StatusPlace, clock: Clock): Promise<StatusSnapshot> {
  const closing = new AbortController();
  const silence = clock.schedule(SILENCE_MS, () => closing.abort());
  try {
    const response = await open(place, '/api/status', closing.signal);
    if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode}`);
    let text = '';
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_EVENT_BYTES) throw new Error('too long for a status');
    }
    return toSnapshot(text);
  } catch (error) {
    throw new Dns4torError('ERR_STATUS_UNANSWERED', textOf(place), error);
  } finally {
    silence.cancel();
    closing.abort();
  }
}

/**
 * What a running dns4tor tells of itself: at once, and about each second from then on, until the caller has enough or `signal` is aborted.
 * Where as many as may watch it do so, once, and no more.
 *
 * @throws Dns4torError ERR_STATUS_UNANSWERED when nothing that dns4tor would say comes from there, or no longer
 */
export async function* watchStatus(
  place: StatusPlace,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<StatusSnapshot> {
  const closing = new AbortController();
  const close = (): void => closing.abort();
  let silence = clock.schedule(SILENCE_MS, close);
  signal.addEventListener('abort', close);
  try {
    const response = await open(place, '/api/events', closing.signal);
    if (response.statusCode === TOO_MANY) {
      yield await readStatus(place, clock);
      return;
    }
    if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode}`);
    let text = '';
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_EVENT_BYTES) throw new Error('too long for an event');
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        silence.cancel();
        yield readEvent(event);
        silence = clock.schedule(SILENCE_MS, close);
      }
    }
    if (!signal.aborted) throw new Error('the stream has ended');
  } catch (error) {
    if (signal.aborted) return;
    throw new Dns4torError('ERR_STATUS_UNANSWERED', textOf(place), error);
  } finally {
    silence.cancel();
    signal.removeEventListener('abort', close);
    close();
  }
}

async function open(place: StatusPlace, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const where = 'path' in place ? { socketPath: place.path } : { host: place.address, port: place.port };
  get({ ...where, path, agent: false, signal }, resolve).on('error', reject);
  const response = await promise;
  return response.setEncoding('utf8');
}

function textOf(place: StatusPlace): string {
  return 'path' in place ? `unix:${place.path}` : formatHostPort(place.address, place.port);
}

/** Of an event's lines those with data are wanted (WHATWG HTML, "Server-sent events"). */
function readEvent(event: string): StatusSnapshot {
  const data = event.split('\n').filter((line) => line.startsWith(DATA));
  return toSnapshot(data.map((line) => line.slice(DATA.length)).join('\n'));
}

function toSnapshot(json: string): StatusSnapshot {
  const snapshot: unknown = JSON.parse(json);
  if (isSnapshot(snapshot)) return snapshot;
  throw new Error('another format');
}

/** Within one format all fields are there. */
function isSnapshot(value: unknown): value is StatusSnapshot {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === 1 && 'lastHour' in value;
}
