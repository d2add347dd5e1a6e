import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { messageOf } from '../../src/log/logger.ts';
import { dig } from '../fixtures/dns/dig.ts';
import { forwardTo } from '../fixtures/dns/doh-behaviours.ts';
import { LAB_ZONE } from '../fixtures/dns/lab-zone.ts';
import { REQUEST_HEADERS } from '../fixtures/dns/recording-doh-server.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { type Laboratory, RESOLVER_NAME } from './laboratory.ts';

/** A circuit lives for up to 12 s; then Tor needs time to build one to the onion. */
const MOVE_TIMEOUT_MS = 60_000;

/** A resolver at a host name, behind an exit, that offers its onion as an alternative service (RFC 7838). */
export function alternativeServicesSuite(getLaboratory: () => Laboratory): void {
  describe('alternative services', () => {
    test('connections move from a host name behind an exit to the offered onion, and the requests stay the same', async () => {
      const laboratory = getLaboratory();
      const { recording, network, authority, caPath } = laboratory;
      const forward = forwardTo(authority);
      recording.behaviour = async (request) => {
        const reply = await forward(request);
        assert.ok(typeof reply === 'object');
        return { ...reply, headers: { 'alt-svc': `h2="${network.onion}:8443"; ma=3600` } };
      };
      const known = recording.requests.length;
      const url = `https://${RESOLVER_NAME}:${recording.port}/dns-query`;
      const upstream = ['--upstream', url, '--upstream-ca', caPath];
      await using daemon = await laboratory.startDaemon(...upstream, '--circuits', '1', '--circuit-lifetime', '10s');
      await daemon.answers();
      let count = 0;
      // Only circuits in use get a successor before they end.
      await waitUntil('an answer arrives from the onion', MOVE_TIMEOUT_MS, async () => {
        const { status } = await dig('@127.0.0.1', '-p', String(daemon.port), `n${count++}.wild.${LAB_ZONE}`);
        assert.equal(status, 'NOERROR');
        return daemon.process.output.includes(messageOf('onion_connected', {}));
      });
      for (const { headers } of recording.requests.slice(known)) {
        assert.deepEqual(Object.keys(headers).toSorted(), REQUEST_HEADERS.toSorted());
        assert.equal(headers[':authority'], `${RESOLVER_NAME}:${recording.port}`);
      }
    });
  });
}
