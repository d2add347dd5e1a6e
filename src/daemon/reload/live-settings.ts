import { isDeepStrictEqual } from 'node:util';
import type { Config, UpstreamConfig } from '../../config/config.ts';
import { createAccessList } from '../../listener/access-list.ts';

/** The settings that a reload replaces and that the parts of the daemon read at each use. */
export class LiveSettings {
  #isAllowed: (client: string) => boolean;
  #upstreams: readonly UpstreamConfig[];
  timeoutMs: number;
  prefetch: boolean;

  constructor({ allow, upstreams, timeoutMs, prefetch }: Config) {
    this.#isAllowed = createAccessList(allow);
    this.#upstreams = upstreams;
    this.timeoutMs = timeoutMs;
    this.prefetch = prefetch;
  }

  /** Whether a client may query. */
  isAllowed(client: string): boolean {
    return this.#isAllowed(client);
  }

  /** How new connections to the upstream at `index` of the first configuration are made. */
  upstream(index: number): UpstreamConfig {
    return this.#upstreams[index]!;
  }

  /**
   * Puts the settings of another configuration into force. Upstreams are found by their URL; those that are gone keep
   * their settings.
   * @returns whether connections are made or verified differently from now on
   */
  replace({ allow, upstreams, timeoutMs, prefetch }: Config): boolean {
    this.#isAllowed = createAccessList(allow);
    this.timeoutMs = timeoutMs;
    this.prefetch = prefetch;
    const before = this.#upstreams;
    // Unchanged ones stay the same objects, so that nothing is built from them again.
    this.#upstreams = before.map((earlier) => {
      const next = upstreams.find(({ url }) => url === earlier.url);
      return next === undefined || isDeepStrictEqual(next, earlier) ? earlier : next;
    });
    return this.#upstreams.some((upstream, index) => upstream !== before[index]);
  }
}
