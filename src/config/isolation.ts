/** Who shares Tor circuits: the clients of one upstream, nobody but the queries of one client, or upstreams too. */
export const ISOLATIONS = ['none', 'client', 'upstream'] as const;
export type Isolation = (typeof ISOLATIONS)[number];
