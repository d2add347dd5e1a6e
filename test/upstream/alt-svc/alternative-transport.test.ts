import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { AlternativeServices } from '../../../src/upstream/alt-svc/alternative-services.ts';
import { createAlternativeTransport } from '../../../src/upstream/alt-svc/alternative-transport.ts';
import type { Session, SessionEvents } from '../../../src/upstream/transport/session.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { createOnionKey } from '../../fixtures/onion-key.ts';

const ONION = { host: createOnionKey().address, port: 443 };
const SILENT: SessionEvents = { onFirstAnswer() {}, onCapacity() {}, onRoundTrip() {}, onRetire() {}, onClose() {} };

interface Setup {
  readonly services: AlternativeServices;
  /** Of a session at the onion, to which a query was sent that is not answered yet. */
  readonly session: Session;
  /** What the session tells. */
  readonly events: SessionEvents;
  /** What was told of the onion. */
  readonly told: string[];
}

async function connectToOnion(): Promise<Setup> {
  const told: string[] = [];
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
    events: { connected: () => told.push('worked'), failed: ({ code }) => told.push(code) },
  });
  transport.createSession(await transport.connect(), SILENT);
  return { services, session, events, told };
}

test('an answer makes good for failures on other connections', async () => {
  const { services, events, told } = await connectToOnion();
  services.recordFailure(ONION);
  assert.equal(services.choose(), undefined);
  events.onFirstAnswer();
  assert.equal(services.choose()?.host, ONION.host);
  assert.deepEqual(told, ['worked']);
});

test('a connection that ends without an answer is a failure of the onion', async () => {
  const { services, session, events, told } = await connectToOnion();
  events.onRetire(session, new Dns4torError('ERR_UPSTREAM_STALLED'));
  assert.equal(services.choose(), undefined);
  assert.deepEqual(told, ['ERR_UPSTREAM_STALLED']);
});

test('a connection that is given up on this side says nothing of the onion', async () => {
  const { services, session, events, told } = await connectToOnion();
  events.onRetire(session, new Dns4torError('ERR_SHUTDOWN'));
  assert.equal(services.choose()?.host, ONION.host);
  assert.deepEqual(told, []);
});
