import type { Socket } from 'node:net';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatTorAddress, type TorAddress } from '../../model/tor-address.ts';
import { connectTo } from '../connect-to.ts';
import { type JudgePeer, judgeWhileOpen, type ToleratedStanding } from './socks-peer.ts';

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
 * known to be Tor is accepted. Never rejects.
 */
export async function detectTor(
  clock: Clock,
  judgePeer: JudgePeer,
  addresses: readonly TorAddress[] = USUAL_SOCKS_ADDRESSES,
): Promise<Detection> {
  const verdicts = await Promise.all(
    addresses.map(async (address) => {
      try {
        const standing = await verifyTor(address, clock, judgePeer);
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

/** Bound on the answer. Tor on this machine answers within milliseconds unless it is stopped. */
const VERIFY_TIMEOUT_MS = 2_000;

/** RFC 1928 §3: version 5 and one method, "no authentication required". The reply selects that method. */
const METHOD_REQUEST = Uint8Array.of(5, 1, 0);
const METHOD_SELECTION = Uint8Array.of(5, 0);

/*
 * Tor's own command RESOLVE (X'F0', socks-extensions.txt §2), as bytes because `socks` does not know it. The "name" to
 * resolve is an IP address. Tor replies with the same address without asking its network, even before it has
 * bootstrapped; other proxies reject the command. So no name leaves this machine, whatever listens. ATYP is 3 (name),
 * because Tor rejects plain addresses under `SafeSocks` and otherwise warns about them.
 */
const ADDRESS = '127.0.0.1';
const RESOLVE_REQUEST = Uint8Array.of(5, 0xf0, 0, 3, ADDRESS.length, ...Buffer.from(ADDRESS), 0, 0);
const RESOLVE_REPLY = Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0);

/**
 * Checks that the listener at the address speaks SOCKS5 as Tor does, bootstrapped or not.
 *
 * @returns `tor` if the listener is known to be Tor, else `unknown`: any program can imitate the protocol
 * @throws Dns4torError ERR_TOR_UNREACHABLE nothing accepts connections; ERR_TOR_FOREIGN another user's program
 *   accepted; ERR_TOR_NOT_SOCKS the listener is not Tor, or its flags forbid RESOLVE (`OnionTrafficOnly`,
 *   `NoDNSRequest`); ERR_TOR_TIMEOUT no reply within 2 s
 */
export async function verifyTor(address: TorAddress, clock: Clock, judgePeer: JudgePeer): Promise<ToleratedStanding> {
  const where = formatTorAddress(address);
  const socket = connectTo(address);
  const timer = clock.schedule(VERIFY_TIMEOUT_MS, () => socket.destroy(new Dns4torError('ERR_TOR_TIMEOUT', where)));
  try {
    return await exchangeResolve(socket, where, () => judgeWhileOpen(judgePeer, address, socket));
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

function exchangeResolve(
  socket: Socket,
  where: string,
  judge: () => Promise<ToleratedStanding>,
): Promise<ToleratedStanding> {
  return new Promise((resolve, reject) => {
    const expected = Buffer.concat([METHOD_SELECTION, RESOLVE_REPLY]);
    let received = Buffer.alloc(0);
    let isAccepted = false;
    let standing: ToleratedStanding = 'unknown';
    const greet = (): void => {
      isAccepted = true;
      judge().then(
        (found) => {
          standing = found;
          socket.write(METHOD_REQUEST);
        },
        // The 'close' listener below reports a closed connection.
        (error: unknown) => error instanceof Dns4torError && reject(error),
      );
    };
    const rejectAnswer = (): void => {
      reject(
        new Dns4torError(
          'ERR_TOR_NOT_SOCKS',
          `${where} (reply: ${received.toString('hex', 0, expected.length) || 'none'})`,
        ),
      );
    };
    socket.on('connect', greet);
    socket.on('data', (chunk) => {
      const before = received.length;
      received = Buffer.concat([received, chunk]);
      if (!expected.subarray(0, received.length).equals(received)) return rejectAnswer();
      if (before < METHOD_SELECTION.length && received.length >= METHOD_SELECTION.length) socket.write(RESOLVE_REQUEST);
      if (received.length === expected.length) resolve(standing);
    });
    socket.on('close', rejectAnswer);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error instanceof Dns4torError) return reject(error);
      // A listener that resets an accepted connection is there, but is not Tor.
      if (isAccepted) return rejectAnswer();
      reject(new Dns4torError('ERR_TOR_UNREACHABLE', `${where} (${error.code})`, error));
    });
  });
}
