import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { ZONE } from './places.ts';
import { questionIn } from './question.ts';

/**
 * Keeps back addresses in the zone of the tests until the HTTPS record of the name has been answered. Chromium waits
 * only milliseconds for a record that is later than the addresses.
 */
export function httpsFirst(behaviour: DohBehaviour): DohBehaviour {
  const answered = new Map<string, PromiseWithResolvers<void>>();
  return async (request) => {
    const { name, type } = questionIn(request.query);
    if (!name.endsWith(ZONE)) return behaviour(request);
    const https = answered.get(name) ?? Promise.withResolvers<void>();
    answered.set(name, https);
    if (type !== 'HTTPS') await https.promise;
    const reply = await behaviour(request);
    if (type === 'HTTPS') https.resolve();
    return reply;
  };
}
