import type { Config } from '../../config/config.ts';
import { Policy } from '../../policy/policy.ts';

/** Builds the policy that the configuration asks for. */
export function createPolicy(config: Config): Policy {
  return new Policy({ deniesUndelegated: config.undelegated === 'deny' });
}
