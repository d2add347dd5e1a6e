import { ask, IDENTITY_QUESTION, isDns4tor, type Question, type Reply } from '../../check/dns-client.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import type { Random } from '../../lib/random.ts';
import type { Checks, Target } from '../../system/machine.ts';

/** Longer than the 99th percentile of an onion service's response time, including a resolver that just restarted. */
const TIMEOUT_MS = 20_000;
const NAMESERVER_PORT = 53;

/** The domain below which random names are asked for, unless the user names another one. */
export const PROBE_DOMAIN = 'com';

/**
 * Checks with real queries, over UDP to this machine only.
 *
 * @param probeDomain the domain of the names that are asked for
 */
export function createChecks(clock: Clock, random: Random, probeDomain: string = PROBE_DOMAIN): Checks {
  const askUdp = (target: Target, question: Question, code: ErrorCode): Promise<Reply> => {
    // The server in resolv.conf may just have been restarted, so its port may not be open yet.
    const options = { clock, random, timeoutMs: TIMEOUT_MS, retryRefused: code === 'ERR_SYSTEM_CHECK' };
    return ask(target, question, 'udp', options).catch((error: unknown) => {
      throw new Dns4torError(code, formatHostPort(target.address, target.port), error);
    });
  };
  return {
    async upstream(target) {
      const code = 'ERR_SYSTEM_UNANSWERED';
      const where = formatHostPort(target.address, target.port);
      // Any other server would query the network in the clear.
      const isOurs = isDns4tor(await askUdp(target, IDENTITY_QUESTION, code));
      if (!isOurs) throw new Dns4torError(code, `the server at ${where} is not dns4tor, or another version of it`);
      const reply = await askUdp(target, unknownName(random, probeDomain), code);
      if (isFromUpstream(reply)) return;
      const { rcode, source, error } = reply;
      if (source === 'local') {
        throw new Dns4torError(code, `dns4tor at ${where} does not ask Tor for names below ${probeDomain}`);
      }
      const reason = source === 'upstream' ? `: its resolver answers ${rcode}` : error && `: ${error.text}`;
      throw new Dns4torError(code, `dns4tor at ${where} has no answer${reason ?? ''}`);
    },
    async nameserver(address) {
      const code = 'ERR_SYSTEM_CHECK';
      const reply = await askUdp({ address, port: NAMESERVER_PORT }, unknownName(random, probeDomain), code);
      // Between this server and dns4tor may be systemd-resolved, which does not say where an answer came from.
      if (isAnswer(reply.rcode) || isFromUpstream(reply)) return;
      throw new Dns4torError(code, `the server in resolv.conf, ${address}, answers ${reply.rcode}`);
    },
  };
}

/**
 * A random name, which no cache has. It has at least two labels, because systemd-resolved does not forward single-label
 * names.
 */
function unknownName(random: Random, domain: string): Question {
  return { name: `${Buffer.from(random.bytes(8)).toString('hex')}.${domain}`, type: 'A', provenance: true };
}

/** Whether the name exists or not. */
function isAnswer(rcode: string): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}

/**
 * Whether a working resolver replied through Tor. A private one refuses names outside its own zones, which also shows
 * that the path works. After SERVFAIL, names may not be resolved at all.
 */
function isFromUpstream({ rcode, source }: Reply): boolean {
  return source === 'upstream' && (isAnswer(rcode) || rcode === 'REFUSED');
}
