import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { UpstreamConfig } from '../config/config.ts';
import { createResolverConnector } from '../daemon/resolver-connector.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { Random } from '../lib/random.ts';
import { decodeMessage } from '../message/wire/codec.ts';
import { PROBE_QUERY } from '../message/upstream-query.ts';
import { TorAgent } from '../tor/socks/agent.ts';
import { createIsolationCredentials } from '../tor/socks/isolation-credentials.ts';
import type { JudgePeer } from '../tor/socks/socks-peer.ts';
import type { TorAddress } from '../tor/tor-address.ts';
import { validateResponse } from '../upstream/transport/validate-response.ts';
import { DohSession } from '../upstream/transport/doh-session.ts';
import type { Session, SessionEvents } from '../upstream/transport/session.ts';
import { StreamSession } from '../upstream/transport/stream-session.ts';

/** How far one connection to a resolver came. What is missing was not reached, because of `error`. */
export interface UpstreamFinding {
  /** How long Tor took to reach it. */
  readonly reachedMs?: number;
  /** There is a connection, encrypted to the right peer where the protocol has that. */
  readonly connected?: true;
  /** The certificate that was accepted; absent over tcp. */
  readonly certificate?: X509Certificate;
  readonly answer?: { readonly rcode: string; readonly durationMs: number };
  /** By how much this machine's clock is ahead of the resolver's at least; negative where it is behind. Absent where the resolver does not tell. */
  readonly clockAheadMs?: number;
  readonly error?: Dns4torError;
}

export interface ProbeComponents {
  readonly socks: TorAddress;
  readonly judgePeer: JudgePeer;
  readonly clock: Clock;
  readonly random: Random;
}

/** The onion path's published p99 is 9.1 s. */
const ANSWER_MS = 10_000;
/** Of new circuits some fail, and the next succeeds. */
const ATTEMPTS = 2;
/** What the `Date` field is exact to. */
const MS_PER_SECOND = 1000;

const NO_EVENTS: SessionEvents = { onFirstAnswer() {}, onRoom() {}, onRoundTrip() {}, onRetire() {}, onClose() {} };

/** Connects to a resolver as the daemon does, with an identity of its own, and asks what the daemon asks at start. Never rejects. */
export async function probeUpstream(components: ProbeComponents, upstream: UpstreamConfig): Promise<UpstreamFinding> {
  for (let attempt = 1; ; attempt++) {
    const finding = await probeOnce(components, upstream);
    const isTorsFailure = finding.error !== undefined && finding.reachedMs === undefined;
    if (!isTorsFailure || attempt === ATTEMPTS) return finding;
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
    const response = await session.exchange(PROBE_QUERY, Deadline.after(clock, ANSWER_MS));
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

/** The answer was made between the two moments, and its time was cut to the second: what is within that is no difference. */
function clockAheadMs(resolverEpochMs: number, askedAtEpochMs: number, answeredAtEpochMs: number): number {
  const atLeast = askedAtEpochMs - (resolverEpochMs + MS_PER_SECOND);
  const atMost = answeredAtEpochMs - resolverEpochMs;
  if (atLeast > 0) return atLeast;
  return atMost < 0 ? atMost : 0;
}
