/** Which upstream a query goes to: the first that answers, or one that depends on the domain. */
export const UPSTREAM_STRATEGIES = ['order', 'shard'] as const;
export type UpstreamStrategy = (typeof UPSTREAM_STRATEGIES)[number];
