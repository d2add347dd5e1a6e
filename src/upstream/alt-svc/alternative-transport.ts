import type { Socket } from 'node:net';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Connect, CreateSession, Session, SessionEvents } from '../transport/session.ts';
import type { AlternativeServices, AlternativeTarget } from './alternative-services.ts';

/** Receives what happens to alternative services, for logs. */
export interface AlternativeEvents {
  /** Fresh alternatives are known now, and none were before. */
  discovered(count: number): void;
  /** A connection to an alternative gave its first answer. */
  connected(): void;
  /** An alternative failed, so the connection goes to the name or to another one. */
  failed(error: Dns4torError): void;
}

interface AlternativeTransportComponents {
  readonly services: AlternativeServices;
  /** Connects to an alternative, or to the name if undefined. Both must verify the same certificate. */
  readonly dial: (alternative: AlternativeTarget | undefined) => Promise<Socket>;
  /** @param onAltSvc receives each Alt-Svc field value and the age of its response */
  readonly createSession: (
    socket: Socket,
    events: SessionEvents,
    onAltSvc: (fieldValue: string, ageSeconds: number) => void,
  ) => Session;
  readonly events: Omit<AlternativeEvents, 'discovered'>;
}

/** Responses of an HTTP server that is not a resolver, or not for this name, such as status 421 (RFC 7838 §6). */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['ERR_DOH_STATUS', 'ERR_DOH_CONTENT_TYPE']);

/**
 * Connects to the alternative services of a resolver known by name (RFC 7838 §2.4), and falls back to the name.
 * Existing connections stay: every few minutes the pool replaces them anyway, and the next ones use the alternatives.
 */
export function createAlternativeTransport({ services, dial, createSession, events }: AlternativeTransportComponents): {
  readonly connect: Connect;
  readonly createSession: CreateSession;
} {
  const targets = new WeakMap<Socket, AlternativeTarget>();
  const recordFailure = (target: AlternativeTarget, error: Dns4torError): void => {
    services.recordFailure(target);
    events.failed(error);
  };
  const observed = (target: AlternativeTarget, sessionEvents: SessionEvents): SessionEvents => ({
    ...sessionEvents,
    onFirstAnswer() {
      services.recordSuccess(target);
      events.connected();
      sessionEvents.onFirstAnswer();
    },
    onRetire(session, reason) {
      if (session.isUnanswered && reason?.code !== 'ERR_SHUTDOWN') {
        recordFailure(target, reason ?? new Dns4torError('ERR_UPSTREAM_CONNECTION'));
      }
      sessionEvents.onRetire(session, reason);
    },
  });

  return {
    async connect() {
      const target = services.choose();
      if (target === undefined) return dial(undefined);
      let failure: Dns4torError;
      try {
        const socket = await dial(target);
        targets.set(socket, target);
        return socket;
      } catch (thrown) {
        failure = toDns4torError(thrown);
      }
      const socket = await dial(undefined);
      // Recorded only now: if the name is unreachable as well, the cause is Tor or the network, not the alternative.
      recordFailure(target, failure);
      return socket;
    },
    createSession(socket, sessionEvents) {
      const target = targets.get(socket);
      const onAltSvc = (fieldValue: string, ageSeconds: number): void =>
        services.update(fieldValue, ageSeconds, target);
      if (target === undefined) return createSession(socket, sessionEvents, onAltSvc);
      return endOnRefusal(createSession(socket, observed(target, sessionEvents), onAltSvc));
    },
  };
}

/**
 * Treats a session whose first response is a refusal as lost, so that the query is retried elsewhere (RFC 7838 §6).
 */
function endOnRefusal(session: Session): Session {
  return {
    get capacity() {
      return session.capacity;
    },
    get inFlight() {
      return session.inFlight;
    },
    get hasAnswered() {
      return session.hasAnswered;
    },
    get isUnanswered() {
      return session.isUnanswered;
    },
    async exchange(query, deadline) {
      try {
        return await session.exchange(query, deadline);
      } catch (thrown) {
        const error = toDns4torError(thrown);
        if (session.hasAnswered || !REFUSALS.has(error.code)) throw error;
        const lost = new Dns4torError('ERR_UPSTREAM_CONNECTION', 'refused by an alternative service', error);
        session.destroy(lost);
        throw lost;
      }
    },
    ping: () => session.ping(),
    destroy: (error) => session.destroy(error),
  };
}
