import type { Dns4torError } from '../failures/errors.ts';

/**
 * Whether the programs of this machine ask this dns4tor; the `state` label of `dns4tor_system_resolver`.
 *
 * - `leads_here`: they do, since `dns4tor install`.
 * - `elsewhere`: they did, but another program has replaced the files, so that names bypass dns4tor.
 * - `paused`: `dns4tor pause` is in effect.
 * - `not_installed`: `dns4tor install` was not run, or not for this dns4tor.
 * - `unknown`: it was, but it cannot be told whether the files still lead here.
 */
export const SYSTEM_RESOLVER_STATES = ['leads_here', 'elsewhere', 'paused', 'not_installed', 'unknown'] as const;
export type SystemResolverState = (typeof SYSTEM_RESOLVER_STATES)[number];

/** Where the programs of this machine look names up, at one moment. */
export interface SystemResolver {
  readonly state: SystemResolverState;
  /** Where names go instead, with the remedy. Present if and only if the state is `elsewhere`. */
  readonly trouble?: Dns4torError;
}
