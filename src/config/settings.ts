import type { OptionKey } from './options.ts';

/** Where a setting came from; the strongest last. */
const ORIGINS = ['default', 'file', 'env', 'flag'] as const;
export type Origin = (typeof ORIGINS)[number];

/** One option's texts, before anybody has made sense of them. */
export interface Setting {
  readonly key: OptionKey;
  readonly origin: Origin;
  /** How a person finds it again: `--port`, `TUNNEL_DNS_PORT`, `port in /etc/dns4tor.toml`, `default`. */
  readonly place: string;
  /** Empty when the option is unset. Lists are taken apart. */
  readonly texts: readonly string[];
}

/** Every option has one, in the table's order. */
export type Settings = readonly Setting[];
