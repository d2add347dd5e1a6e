import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { PlainTransport } from '../model/query.ts';
import { ask, IDENTITY_QUESTION, isDns4tor } from './dns-client.ts';

/** Which program answers at one address of this machine, over one transport. */
export interface LocalFinding {
  readonly address: string;
  readonly transport: PlainTransport;
  readonly who: 'dns4tor' | 'another' | 'nobody';
  /** Why nobody answers. */
  readonly error?: unknown;
}

/** Time limit for queries that dns4tor answers locally, in any state of Tor. */
export const LOCAL_TIMEOUT_MS = 2000;

/** Finds out which program answers at each address, over UDP and TCP. Never rejects. */
export async function probeLocal(
  components: { readonly clock: Clock; readonly random: Random },
  addresses: readonly string[],
  port: number,
): Promise<readonly LocalFinding[]> {
  if (port === 0) return [];
  const endpoints = addresses.flatMap((address) =>
    (['udp', 'tcp'] as const).map((transport) => ({ address, transport })),
  );
  return Promise.all(
    endpoints.map(async (endpoint): Promise<LocalFinding> => {
      try {
        const server = { address: endpoint.address, port };
        const options = { ...components, timeoutMs: LOCAL_TIMEOUT_MS };
        const reply = await ask(server, IDENTITY_QUESTION, endpoint.transport, options);
        return { ...endpoint, who: isDns4tor(reply) ? 'dns4tor' : 'another' };
      } catch (error) {
        return { ...endpoint, who: 'nobody', error };
      }
    }),
  );
}

/** Returns an address at which dns4tor answers over UDP, or undefined. */
export function findAnswering(findings: readonly LocalFinding[]): LocalFinding | undefined {
  return findings.find(({ who, transport }) => who === 'dns4tor' && transport === 'udp');
}
