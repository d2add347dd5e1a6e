import type { Dns4torError } from '../failures/errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { SystemResolver } from '../model/system-resolver.ts';
import { findSystemResolver } from './find-system-resolver.ts';
import type { Target } from './machine.ts';
import type { FileSystem } from './transaction/file-system.ts';

/**
 * Time between two looks. Polling also notices what inotify(7) misses: bind mounts, and targets of symbolic links that
 * are replaced. A look takes 1 to 2 ms of CPU time where dns4tor is installed, and 0.1 ms elsewhere (measured).
 */
const LOOK_MS = 10_000;

/** Time until a second look confirms the first. Programs may remove resolv.conf just before they write it. */
const CONFIRM_MS = 2000;

interface WatchComponents {
  readonly fs: FileSystem;
  readonly clock: Clock;
  /** Whether this dns4tor answers at an address and port. */
  readonly isOwn: (target: Target) => boolean;
}

interface WatchEvents {
  /** Names of this machine no longer lead here. */
  onLost(trouble: Dns4torError): void;
  /** They do again. Called only after `onLost`. */
  onBack(): void;
}

/** Notices when the programs of this machine no longer ask this dns4tor. Changes nothing. */
export class SystemResolverWatch implements AsyncDisposable {
  readonly #components: WatchComponents;
  readonly #events: WatchEvents;
  #current: SystemResolver = { state: 'unknown' };
  #isSuspected = false;
  #isReported = false;
  #timer: Timer | undefined;
  #looking: Promise<void>;
  #stopped = false;

  /** Looks at once. */
  constructor(components: WatchComponents, events: WatchEvents) {
    this.#components = components;
    this.#events = events;
    this.#looking = this.#look();
  }

  /** The result of the latest look. */
  get current(): SystemResolver {
    return this.#current;
  }

  async #look(): Promise<void> {
    const { fs, clock, isOwn } = this.#components;
    const found = await findSystemResolver(fs, isOwn);
    if (this.#stopped) return;
    const isNews = found?.state === 'elsewhere' && this.#current.state !== 'elsewhere';
    const mustConfirm = isNews && !this.#isSuspected;
    this.#isSuspected = mustConfirm;
    // While a command changes the installation, the earlier result stays.
    if (found !== undefined && !mustConfirm) this.#accept(found);
    this.#timer = clock.schedule(mustConfirm ? CONFIRM_MS : LOOK_MS, () => {
      this.#looking = this.#look();
    });
  }

  #accept(found: SystemResolver): void {
    this.#current = found;
    if (found.trouble !== undefined && !this.#isReported) this.#events.onLost(found.trouble);
    if (found.state === 'leads_here' && this.#isReported) this.#events.onBack();
    if (found.state !== 'unknown') this.#isReported = found.state === 'elsewhere';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }
}
