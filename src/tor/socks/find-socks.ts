import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatTorAddress, type TorAddress } from '../../model/tor-address.ts';
import { probeResolve, type ResolveProbe, type ResolveReaction } from './resolve-probe.ts';
import type { JudgePeer, ToleratedStanding } from './socks-peer.ts';

/** Usual SOCKS addresses: the unix socket and the port of Debian's package, then Tor Browser's port. */
const USUAL_SOCKS_ADDRESSES: readonly TorAddress[] = [
  { kind: 'unix', path: '/run/tor/socks' },
  { kind: 'tcp', host: '127.0.0.1', port: 9050 },
  { kind: 'tcp', host: '127.0.0.1', port: 9150 },
];

/** The result of the search for a SOCKS port. */
export interface Detection {
  /** The first address, in the given order, whose listener is known to be Tor. */
  readonly found: TorAddress | undefined;
  /** The other addresses, with the reason why each was rejected. */
  readonly rejected: readonly { readonly address: TorAddress; readonly error: Dns4torError }[];
}

/**
 * Probes all addresses at once for a running Tor. The user did not choose these addresses, so only a listener that is
 * known to be tor is accepted; arti has to be configured. Never rejects.
 */
export async function detectTor(
  clock: Clock,
  judgePeer: JudgePeer,
  addresses: readonly TorAddress[] = USUAL_SOCKS_ADDRESSES,
): Promise<Detection> {
  const verdicts = await Promise.all(
    addresses.map(async (address) => {
      try {
        const { program, standing } = await verifyTor(address, clock, judgePeer);
        if (program === 'arti') throw new Dns4torError('ERR_TOR_ARTI', formatTorAddress(address));
        if (standing === 'unknown') throw new Dns4torError('ERR_TOR_UNPROVEN', formatTorAddress(address));
        return { address };
      } catch (error) {
        return { address, error: toDns4torError(error) };
      }
    }),
  );
  return {
    found: verdicts.find(({ error }) => error === undefined)?.address,
    rejected: verdicts.filter((verdict) => verdict.error !== undefined),
  };
}

/** What listens at a SOCKS address. */
export interface SocksListener {
  /** `tor` if the listener is known to be Tor's, else `unknown`: any program can imitate the protocol. */
  readonly standing: ToleratedStanding;
  /** Which implementation of Tor it is, by its replies: tor, written in C, or arti, written in Rust. */
  readonly program: 'tor' | 'arti';
}

/** Bound on the answer. Tor on this machine answers within milliseconds unless it is stopped. */
const VERIFY_TIMEOUT_MS = 2_000;

/** A user name like any other. */
const ORDINARY_USERNAME = 'dns4tor';

/**
 * socks-extensions.txt §1.1 reserves user names with this beginning. The byte after it is a format type, and proxies
 * must reject unknown types. arti 1.2.8 and later accepts the credentials, then hangs up at the request.
 */
const RESERVED_USERNAME = '<torS0X>~';

/**
 * Checks that the listener at the address speaks SOCKS5 as tor or arti does, bootstrapped or not. tor answers RESOLVE
 * in its own way. Any other proxy must prove that it is arti: it takes credentials, but not the reserved ones.
 *
 * @param signal aborts the check, with ERR_SHUTDOWN
 * @throws Dns4torError ERR_TOR_UNREACHABLE nothing accepts connections; ERR_TOR_FOREIGN another user's program
 *   accepted; ERR_TOR_NOT_SOCKS the listener is not Tor, or its flags forbid RESOLVE (`OnionTrafficOnly`,
 *   `NoIPv4Traffic`); ERR_TOR_TIMEOUT no reply within 2 s
 */
export async function verifyTor(
  address: TorAddress,
  clock: Clock,
  judgePeer: JudgePeer,
  signal?: AbortSignal,
): Promise<SocksListener> {
  const where = formatTorAddress(address);
  const closing = new AbortController();
  const abort = (): void => closing.abort(new Dns4torError('ERR_SHUTDOWN', where));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  const timer = clock.schedule(VERIFY_TIMEOUT_MS, () => closing.abort(new Dns4torError('ERR_TOR_TIMEOUT', where)));
  const probe = (username?: string): Promise<ResolveProbe> =>
    probeResolve(address, judgePeer, username, closing.signal);
  try {
    const { reaction, standing, received } = await probe();
    if (reaction === 'answered') return { standing, program: 'tor' };
    if (reaction !== 'closed' && (await isArti(probe, reaction))) return { standing, program: 'arti' };
    throw new Dns4torError('ERR_TOR_NOT_SOCKS', `${where} (reply: ${received})`);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', abort);
  }
}

/** @param reaction to RESOLVE without credentials */
async function isArti(probe: (username: string) => Promise<ResolveProbe>, reaction: ResolveReaction): Promise<boolean> {
  try {
    return (
      (await probe(ORDINARY_USERNAME)).reaction === reaction && (await probe(RESERVED_USERNAME)).reaction === 'closed'
    );
  } catch (error) {
    // It takes no credentials, or rejects some.
    if (toDns4torError(error).code === 'ERR_TOR_NOT_SOCKS') return false;
    throw error;
  }
}
