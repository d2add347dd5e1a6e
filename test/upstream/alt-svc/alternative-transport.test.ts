import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { AlternativeServices } from '../../../src/upstream/alt-svc/alternative-services.ts';
import { createAlternativeTransport } from '../../../src/upstream/alt-svc/alternative-transport.ts';
import type { Session, SessionEvents } from '../../../src/upstream/transport/session.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';

const ONION = { host: createOnionKey().address, port: 443 };
const SILENT: SessionEvents = { onFirstAnswer() {}, onCapacity() {}, onRoundTrip() {}, onRetire() {}, onClose() {} };

interface Setup {
  readonly services: AlternativeServices;
  /** A session at the onion with an unanswered query. */
  readonly session: Session;
  /** Events of the session. */
  readonly events: SessionEvents;
  /** Reported events of the onion. */
  readonly reported: string[];
}

async function connectToOnion(): Promise<Setup> {
  const reported: string[] = [];
  const services = new AlternativeServices({ clock: new ManualClock(), random: systemRandom, onDiscovered() {} });
  services.update(`h2="${ONION.host}:${ONION.port}"`, 0, undefined);
  const session: Session = {
    capacity: 1,
    inFlight: 1,
    hasAnswered: false,
    isUnanswered: true,
    ping() {},
    exchange: () => Promise.reject(new Dns4torError('ERR_DEADLINE')),
    destroy() {},
  };
  let events = SILENT;
  const transport = createAlternativeTransport({
    services,
    dial: () => Promise.resolve(new Socket()),
    createSession(_socket, sessionEvents) {
      events = sessionEvents;
      return session;
    },
    events: { connected: () => reported.push('worked'), failed: ({ code }) => reported.push(code) },
  });
  transport.createSession(await transport.connect(), SILENT);
  return { services, session, events, reported };
}

test('an answer clears the failures of other connections', async () => {
  const { services, events, reported } = await connectToOnion();
  services.recordFailure(ONION);
  assert.equal(services.choose(), undefined);
  events.onFirstAnswer();
  assert.equal(services.choose()?.host, ONION.host);
  assert.deepEqual(reported, ['worked']);
});

test('a connection that ends without an answer counts as a failure of the onion', async () => {
  const { services, session, events, reported } = await connectToOnion();
  events.onRetire(session, new Dns4torError('ERR_UPSTREAM_STALLED'));
  assert.equal(services.choose(), undefined);
  assert.deepEqual(reported, ['ERR_UPSTREAM_STALLED']);
});

test('a connection that is closed on this side does not count as a failure of the onion', async () => {
  const { services, session, events, reported } = await connectToOnion();
  events.onRetire(session, new Dns4torError('ERR_SHUTDOWN'));
  assert.equal(services.choose()?.host, ONION.host);
  assert.deepEqual(reported, []);
});
