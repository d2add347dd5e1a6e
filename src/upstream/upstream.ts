import type { Deadline } from '../lib/deadline.ts';

/** A way to a resolver. Wrappers (failover, the pool of circuits) implement the same three members. */
export interface Upstream extends AsyncDisposable {
  /**
   * Sends one query, DNS wire in, DNS wire out, with ID 0 both ways (RFC 8484 §4.1).
   * The query stays the caller's and is not changed; the answer becomes the caller's.
   * Rejects with a Dns4torError, at the latest when the deadline has passed.
   */
  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array>;
  /** The URL, for logs. */
  readonly address: string;
}
