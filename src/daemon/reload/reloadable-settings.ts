import type { Cache } from '../../cache/cache.ts';
import type { Config } from '../../config/config.ts';
import type { AdjustableLogger } from '../../log/logger.ts';
import type { LiveSettings } from './live-settings.ts';
import type { Apply, Reloadable } from './reloader.ts';

interface SettingsComponents {
  readonly live: LiveSettings;
  readonly logger: AdjustableLogger;
  readonly cache: Pick<Cache, 'maxStaleMs'>;
  /** Replaces all connections to the upstreams. */
  readonly renewAll: () => void;
}

/** The settings that a reload can put into force without preparation. No cached answer depends on them. */
export function reloadableSettings({ live, logger, cache, renewAll }: SettingsComponents): Reloadable {
  const apply = (next: Config): undefined => {
    logger.level = next.log.level;
    cache.maxStaleMs = next.maxStaleMs;
    if (live.replace(next)) renewAll();
  };
  return {
    prepare:
      async (next): Promise<Apply> =>
      () =>
        apply(next),
  };
}
