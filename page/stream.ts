import type { StatusSnapshot } from '../src/status/snapshot.ts';
import type { Silence } from './verdict.ts';

export interface StreamEvents {
  readonly onSnapshot: (snapshot: StatusSnapshot) => void;
  /** Called repeatedly while no usable snapshot arrives. */
  readonly onSilence: (silence: Silence) => void;
}

export interface StateUrls {
  /** Server-sent events, about one per second. */
  readonly events: string;
  /** A single snapshot. Used when the server has no room for another event stream. */
  readonly status: string;
}

/** The daemon counts as unreachable after this time without a snapshot. Snapshots arrive every second. */
const SILENCE_MS = 4000;
/** Delay before a new attempt when the browser itself has stopped reconnecting. */
const RETRY_MS = 1000;
/** The snapshot format that this page understands. Within one format, fields are only added. */
const FORMAT: StatusSnapshot['format'] = 1;

/**
 * Follows the daemon's state while the page is visible. A page in the background costs the daemon nothing. Reloads the
 * page after an upgrade of dns4tor.
 */
export function followState(urls: StateUrls, { onSnapshot, onSilence }: StreamEvents): void {
  let source: EventSource | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let version: string | undefined;

  const take = (json: string): void => {
    const snapshot = parse(json);
    version ??= snapshot?.version;
    if (snapshot !== undefined && snapshot.version === version) onSnapshot(snapshot);
    // Another version of dns4tor answers now. Its own page understands its snapshots.
    else if (version !== undefined) location.reload();
    else onSilence('unreadable');
  };

  const stop = (): void => {
    clearTimeout(silence);
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };

  const start = (): void => {
    stop();
    const opened = new EventSource(urls.events);
    source = opened;
    const wait = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        onSilence('unreachable');
        // A hung connection stays open, and no error is reported.
        start();
      }, SILENCE_MS);
    };
    wait();
    opened.addEventListener('message', ({ data }) => {
      wait();
      take(String(data));
    });
    opened.addEventListener('error', () => {
      // The browser reconnects by itself unless the answer was not an event stream.
      if (opened.readyState !== EventSource.CLOSED) {
        wait();
        return onSilence('unreachable');
      }
      clearTimeout(silence);
      void fetchText(urls.status).then((json) => {
        if (source !== opened) return;
        retry = setTimeout(start, RETRY_MS);
        if (json === undefined) onSilence('unreachable');
        else take(json);
      });
    });
  };

  document.addEventListener('visibilitychange', () => (document.hidden ? stop() : start()));
  if (!document.hidden) start();
}

/** Undefined if this is not a snapshot in the expected format. */
function parse(json: string): StatusSnapshot | undefined {
  try {
    const snapshot = JSON.parse(json) as StatusSnapshot | null;
    return snapshot?.format === FORMAT ? snapshot : undefined;
  } catch {
    return undefined;
  }
}

/** The body served at `url`; undefined on any failure. */
async function fetchText(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(SILENCE_MS) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}
