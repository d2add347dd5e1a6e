import type { Socket } from 'node:net';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { AlternativeServices, AlternativeTarget } from './alternative-services.ts';
import type { Connect, CreateSession, Session, SessionEvents } from '../transport/session.ts';

/** What becomes of the alternatives, for whoever logs and counts. */
export interface AlternativeEvents {
  /** Some are known, where none were. */
  learnt(count: number): void;
  /** A connection to an alternative gave its first answer. */
  worked(): void;
  /** An alternative could not be used, and the connection goes elsewhere. */
  failed(error: Dns4torError): void;
}

export interface AlternativeTransportComponents {
  readonly services: AlternativeServices;
  /** Connects to an alternative, or to the name, with the same checks of the certificate. */
  readonly dial: (alternative: AlternativeTarget | undefined) => Promise<Socket>;
  /** @param onAltSvc is to be told each Alt-Svc field value and the age of its response */
  readonly createSession: (
    socket: Socket,
    events: SessionEvents,
    onAltSvc: (fieldValue: string, ageSeconds: number) => void,
  ) => Session;
  readonly events: Omit<AlternativeEvents, 'learnt'>;
}

/** By these an HTTP server says that it is no resolver, or none for this name: 421 (RFC 7838 §6) among them. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['ERR_DOH_STATUS', 'ERR_DOH_CONTENT_TYPE']);

/**
 * How connections to a resolver by name come to its alternative services (RFC 7838 §2.4), and back to the name. No connection is given up
 * for them: every few minutes one ends anyhow, and the next goes there.
 */
export function createAlternativeTransport({ services, dial, createSession, events }: AlternativeTransportComponents): {
  readonly connect: Connect;
  readonly createSession: CreateSession;
} {
  const targets = new WeakMap<Socket, AlternativeTarget>();
  const failed = (target: AlternativeTarget, error: Dns4torError): void => {
    services.failed(target);
    events.failed(error);
  };
  const watched = (target: AlternativeTarget, sessionEvents: SessionEvents): SessionEvents => ({
    ...sessionEvents,
    onFirstAnswer() {
      services.succeeded(target);
      events.worked();
      sessionEvents.onFirstAnswer();
    },
    onRetire(session, reason) {
      if (session.fruitless && reason?.code !== 'ERR_SHUTDOWN') {
        failed(target, reason ?? new Dns4torError('ERR_UPSTREAM_CONNECTION'));
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
      // Not before: where the name cannot be reached either, Tor or the network is to blame and no alternative.
      failed(target, failure);
      return socket;
    },
    createSession(socket, sessionEvents) {
      const target = targets.get(socket);
      const onAltSvc = (fieldValue: string, ageSeconds: number): void => services.note(fieldValue, ageSeconds, target);
      if (target === undefined) return createSession(socket, sessionEvents, onAltSvc);
      return endingWithRefusal(createSession(socket, watched(target, sessionEvents), onAltSvc));
    },
  };
}

/** RFC 7838 §6: what an alternative refuses may be asked elsewhere. If its first answer is a refusal, the connection is as good as lost. */
function endingWithRefusal(session: Session): Session {
  return {
    get free() {
      return session.free;
    },
    get inFlight() {
      return session.inFlight;
    },
    get answered() {
      return session.answered;
    },
    get fruitless() {
      return session.fruitless;
    },
    async exchange(query, deadline) {
      try {
        return await session.exchange(query, deadline);
      } catch (thrown) {
        const error = toDns4torError(thrown);
        if (session.answered || !REFUSALS.has(error.code)) throw error;
        const lost = new Dns4torError('ERR_UPSTREAM_CONNECTION', 'refused by an alternative service', error);
        session.destroy(lost);
        throw lost;
      }
    },
    ping: () => session.ping(),
    destroy: (error) => session.destroy(error),
  };
}
