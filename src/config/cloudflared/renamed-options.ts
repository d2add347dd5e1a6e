import type { OptionKey } from '../options.ts';

/** Options of `cloudflared tunnel`, which are also keys of its YAML file, that have another name here. */
export const RENAMED_OPTIONS: Readonly<Record<string, OptionKey>> = {
  'proxy-dns-address': 'address',
  'proxy-dns-port': 'port',
  'proxy-dns-upstream': 'upstream',
  'proxy-dns-bootstrap': 'bootstrap',
  'proxy-dns-max-upstream-conns': 'max-upstream-conns',
};
