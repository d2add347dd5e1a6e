import type { StatusSnapshot } from '../src/status/snapshot.ts';
import type { Silence } from './verdict.ts';

export interface StreamEvents {
  readonly onSnapshot: (snapshot: StatusSnapshot) => void;
  /** Nothing that can be shown comes; told again and again, until a snapshot comes. */
  readonly onSilence: (silence: Silence) => void;
}

export interface StateUrls {
  /** Server-sent events, about one a second. */
  readonly events: string;
  /** The same when it is asked for, where no more may watch. */
  readonly status: string;
}

/** Each second a snapshot comes; so many without one are no accident. */
const PATIENCE_MS = 4000;
/** Between two attempts where the browser itself has given up. */
const RETRY_MS = 1000;
/** The one that this page can show; within it fields are only added. */
const FORMAT: StatusSnapshot['format'] = 1;

/**
 * Follows the daemon's state for as long as the page can be seen: a page in the background costs the daemon nothing. When dns4tor has been
 * upgraded, the page is loaded anew.
 */
export function followState(urls: StateUrls, { onSnapshot, onSilence }: StreamEvents): void {
  let source: EventSource | undefined;
  let patience: ReturnType<typeof setTimeout> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let version: string | undefined;

  const take = (json: string): void => {
    const snapshot = parse(json);
    version ??= snapshot?.version;
    if (snapshot !== undefined && snapshot.version === version) onSnapshot(snapshot);
    // The page of the dns4tor that answers now can read what it says.
    else if (version !== undefined) location.reload();
    else onSilence('unreadable');
  };

  const stop = (): void => {
    clearTimeout(patience);
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };

  const start = (): void => {
    stop();
    const opened = new EventSource(urls.events);
    source = opened;
    const wait = (): void => {
      clearTimeout(patience);
      patience = setTimeout(() => {
        onSilence('unreachable');
        // One that hangs stays open without a word.
        start();
      }, PATIENCE_MS);
    };
    wait();
    opened.addEventListener('message', ({ data }) => {
      wait();
      take(String(data));
    });
    opened.addEventListener('error', () => {
      // While it connects again by itself it is left to that; an answer other than a stream ends it.
      if (opened.readyState !== EventSource.CLOSED) {
        wait();
        return onSilence('unreachable');
      }
      clearTimeout(patience);
      void ask(urls.status).then((json) => {
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

/** Undefined for what is no snapshot of this format. */
function parse(json: string): StatusSnapshot | undefined {
  try {
    const snapshot = JSON.parse(json) as StatusSnapshot | null;
    return snapshot?.format === FORMAT ? snapshot : undefined;
  } catch {
    return undefined;
  }
}

/** What is served there; undefined where nothing is. */
async function ask(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}
