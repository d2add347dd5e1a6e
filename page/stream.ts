import type { StatusSnapshot } from '../src/status/snapshot.ts';

export interface StreamEvents {
  readonly onSnapshot: (snapshot: StatusSnapshot) => void;
  /** The daemon has ended, hangs or cannot be reached. Told once, until a snapshot comes again. */
  readonly onSilence: () => void;
}

/** Each second a snapshot comes; so many without one are no accident. */
const PATIENCE_MS = 4000;
/** Between two attempts where the browser itself has given up. */
const RETRY_MS = 1000;

/**
 * Follows the daemon's state for as long as the page can be seen: a page in the background costs the daemon nothing.
 */
export function followState(url: string, { onSnapshot, onSilence }: StreamEvents): void {
  let source: EventSource | undefined;
  let patience: ReturnType<typeof setTimeout> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const beSilent = (): void => {
    clearTimeout(patience);
    onSilence();
  };

  const stop = (): void => {
    clearTimeout(patience);
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };

  const start = (): void => {
    stop();
    const opened = new EventSource(url);
    source = opened;
    const wait = (): void => {
      clearTimeout(patience);
      patience = setTimeout(() => {
        beSilent();
        // One that hangs stays open without a word.
        start();
      }, PATIENCE_MS);
    };
    wait();
    opened.addEventListener('message', ({ data }) => {
      wait();
      onSnapshot(JSON.parse(String(data)) as StatusSnapshot);
    });
    opened.addEventListener('error', () => {
      beSilent();
      // While it connects again by itself it is left to that; an answer other than a stream ends it.
      if (opened.readyState === EventSource.CLOSED) retry = setTimeout(start, RETRY_MS);
    });
  };

  document.addEventListener('visibilitychange', () => (document.hidden ? stop() : start()));
  if (!document.hidden) start();
}
