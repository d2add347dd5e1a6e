import type { Config } from '../../config/config.ts';
import { Policy, type RouteCover } from '../../policy/policy.ts';

/**
 * Builds the policy that the configuration asks for.
 * @param covers whether a name belongs to a route
 */
export function createPolicy(config: Config, covers: RouteCover = () => false): Policy {
  return new Policy({ deniesUndelegated: config.undelegated === 'deny', covers });
}
