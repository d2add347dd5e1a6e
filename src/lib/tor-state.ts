/** Where a tor of any kind stands; the `state` label of `dns4tor_tor_state`. */
export const TOR_STATES = ['unknown', 'down', 'bootstrapping', 'up'] as const;
export type TorState = (typeof TOR_STATES)[number];
