import type { Clock } from '../lib/clock.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Handler } from '../resolver/query.ts';

export interface ListenerComponents {
  readonly handler: Handler;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export interface ListenerInit {
  /** An IP address of this machine. */
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** A socket that takes queries and writes their answers. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Takes no more queries; those in flight are still answered. Resolves when they are. */
  drain(): Promise<void>;
}
