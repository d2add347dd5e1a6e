import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { UpstreamConfig } from '../config/config.ts';
import { createResolverConnector } from '../daemon/upstreams.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import type { Random } from '../lib/random.ts';
import { PROBE_QUERY } from '../message/upstream-query.ts';
import { decodeMessage } from '../message/wire/codec.ts';
import { P99_RESPONSE_MS } from '../model/response-time.ts';
import type { TorAddress } from '../model/tor-address.ts';
import { TorAgent } from '../tor/socks/agent.ts';
import { createIsolationCredentials } from '../tor/socks/isolation-credentials.ts';
import type { JudgePeer } from '../tor/socks/socks-peer.ts';
import { DohSession } from '../upstream/transport/doh-session.ts';
import type { Session, SessionEvents } from '../upstream/transport/session.ts';
import { StreamSession } from '../upstream/transport/stream-session.ts';
import { validateResponse } from '../upstream/transport/validate-response.ts';

/** How far a connection to a resolver got. Missing properties were not reached, because of `error`. */
export interface UpstreamFinding {
  /** Time that Tor took to reach the resolver. */
  readonly reachedMs?: number;
  /** The connection is open and, with TLS, the peer is verified. */
  readonly connected?: true;
  /** The accepted certificate. Absent without TLS. */
  readonly certificate?: X509Certificate;
  readonly answer?: { readonly rcode: string; readonly durationMs: number };
  /**
   * Lower bound of the time by which this machine's clock is ahead of the resolver's; negative if it is behind. Absent
   * if the resolver does not report its time.
   */
  readonly clockAheadMs?: number;
  readonly error?: Dns4torError;
  /** Tor makes no progress on the way to its network, so nobody waited for the resolver. */
  readonly isTorStuck?: true;
}

/** What {@link probeUpstream} needs from the rest of the program. */
export interface ProbeComponents {
  readonly socks: TorAddress;
  readonly judgePeer: JudgePeer;
  readonly clock: Clock;
  readonly random: Random;
}

/** Attempts to reach the resolver. Some circuits fail where the next one succeeds. */
const ATTEMPTS = 2;
/** Resolution of the `Date` field (RFC 9110 §6.6.1). */
const DATE_RESOLUTION_MS = 1000;

const NO_EVENTS: SessionEvents = { onFirstAnswer() {}, onCapacity() {}, onRoundTrip() {}, onRetire() {}, onClose() {} };

/**
 * Connects to a resolver as the daemon does, under its own isolation credentials, and sends the daemon's probe query.
 * Never rejects.
 */
export async function probeUpstream(components: ProbeComponents, upstream: UpstreamConfig): Promise<UpstreamFinding> {
  for (let attempt = 1; ; attempt++) {
    const finding = await probeOnce(components, upstream);
    const isTorFailure = finding.error !== undefined && finding.reachedMs === undefined;
    if (!isTorFailure || attempt === ATTEMPTS) return finding;
  }
}

async function probeOnce(components: ProbeComponents, upstream: UpstreamConfig): Promise<UpstreamFinding> {
  const { socks, judgePeer, clock, random } = components;
  let finding: UpstreamFinding = {};
  const startedAt = clock.now();
  const agent = (): TorAgent =>
    new TorAgent({
      socks,
      judgePeer,
      credentials: createIsolationCredentials(random),
      clock,
      onDial(outcome) {
        if (outcome === 'ok') finding = { ...finding, reachedMs: clock.now() - startedAt };
      },
    });
  let session: Session | undefined;
  try {
    const socket = await createResolverConnector({ agent, clock }, upstream)(upstream);
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    finding = { ...finding, connected: true, ...(certificate === undefined ? {} : { certificate }) };
    let resolverEpochMs: number | undefined;
    session = openSession(components, upstream, socket, (epochMs) => (resolverEpochMs = epochMs));
    const [askedAt, askedAtEpochMs] = [clock.now(), clock.epochMs()];
    const response = await session.exchange(PROBE_QUERY, Deadline.after(clock, P99_RESPONSE_MS));
    validateResponse(PROBE_QUERY, response);
    const { rcode = '' } = decodeMessage(response) as { rcode?: string };
    finding = { ...finding, answer: { rcode, durationMs: clock.now() - askedAt } };
    if (resolverEpochMs !== undefined) {
      finding = { ...finding, clockAheadMs: clockAheadMs(resolverEpochMs, askedAtEpochMs, clock.epochMs()) };
    }
    return finding;
  } catch (error) {
    return { ...finding, error: toDns4torError(error) };
  } finally {
    session?.destroy(new Dns4torError('ERR_SHUTDOWN'));
  }
}

function openSession(
  { clock, random }: ProbeComponents,
  { protocol, url }: UpstreamConfig,
  socket: Socket,
  onDate: (epochMs: number) => void,
): Session {
  return protocol === 'https'
    ? new DohSession(clock, { url: new URL(url), onDate }, socket, NO_EVENTS)
    : new StreamSession({ clock, random }, socket, NO_EVENTS);
}

/**
 * The resolver wrote its time between the two moments, truncated to the second. Only a difference beyond that interval
 * counts.
 */
function clockAheadMs(resolverEpochMs: number, askedAtEpochMs: number, answeredAtEpochMs: number): number {
  const atLeast = askedAtEpochMs - (resolverEpochMs + DATE_RESOLUTION_MS);
  const atMost = answeredAtEpochMs - resolverEpochMs;
  if (atLeast > 0) return atLeast;
  return atMost < 0 ? atMost : 0;
}
