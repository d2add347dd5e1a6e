import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Transport } from '../model/query.ts';
import { ask, isDns4tor, WHO_ARE_YOU } from './dns-client.ts';

/** Who answers at one address and port of this machine. */
export interface LocalFinding {
  readonly address: string;
  readonly transport: Transport;
  readonly who: 'dns4tor' | 'another' | 'nobody';
  /** Why nobody does. */
  readonly error?: unknown;
}

/** dns4tor answers this by itself, whatever state Tor is in. */
export const LOCAL_PATIENCE_MS = 2000;

/** Asks over UDP and TCP at each address. Never rejects. */
export async function probeLocal(
  components: { readonly clock: Clock; readonly random: Random },
  addresses: readonly string[],
  port: number,
): Promise<readonly LocalFinding[]> {
  if (port === 0) return [];
  const places = addresses.flatMap((address) => (['udp', 'tcp'] as const).map((transport) => ({ address, transport })));
  return Promise.all(
    places.map(async (place): Promise<LocalFinding> => {
      try {
        const target = { address: place.address, port };
        const reply = await ask(target, WHO_ARE_YOU, place.transport, { ...components, timeoutMs: LOCAL_PATIENCE_MS });
        return { ...place, who: isDns4tor(reply) ? 'dns4tor' : 'another' };
      } catch (error) {
        return { ...place, who: 'nobody', error };
      }
    }),
  );
}

/** One at which dns4tor answers over UDP; undefined where there is none. */
export function answeringPlace(findings: readonly LocalFinding[]): LocalFinding | undefined {
  return findings.find(({ who, transport }) => who === 'dns4tor' && transport === 'udp');
}
