import { type Clock, delay } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { TorStatus } from '../model/tor-status.ts';
import type { TorSurroundings } from '../tor/control/bootstrap-evidence.ts';
import type { ControlSearch } from '../tor/control/find-control.ts';
import { openTorMonitor } from '../tor/control/tor-monitor.ts';
import { NO_TOR_EVENTS } from '../tor/tor-events.ts';
import { openFirstControl } from './ask-tor.ts';

/** What {@link watchBootstrap} needs from the rest of the program. */
export interface WatchComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly surroundings: TorSurroundings;
}

/** A little longer than Tor must make no progress to be called stuck. */
const WATCH_MS = 25_000;
const POLL_MS = 200;

/**
 * Watches Tor's bootstrap over its control port until it is up or stuck, for at most 25 s. Gives Tor no keys and
 * changes nothing.
 *
 * @throws Dns4torError ERR_TOR_CONTROL no control port is usable
 */
export async function watchBootstrap(components: WatchComponents, search: ControlSearch): Promise<TorStatus> {
  const { clock } = components;
  const closing = new AbortController();
  try {
    const monitor = await openFirstControl(search, (address, prepare) =>
      openTorMonitor({
        ...components,
        address,
        prepare,
        signal: closing.signal,
        onionAuths: [],
        events: NO_TOR_EVENTS,
      }),
    );
    const endAt = clock.now() + WATCH_MS;
    while (monitor.status.state === 'bootstrapping' && clock.now() < endAt) await delay(clock, POLL_MS);
    return monitor.status;
  } finally {
    closing.abort();
  }
}
