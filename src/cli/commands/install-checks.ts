import { ask, IDENTITY_QUESTION, isDns4tor, type Question, type Reply } from '../../check/dns-client.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { EDE, type ErrorCode } from '../../failures/failures.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import type { Random } from '../../lib/random.ts';
import type { Checks, Target } from '../../system/machine.ts';

/** Longer than the 99th percentile of an onion service's response time, including a resolver that just restarted. */
const TIMEOUT_MS = 20_000;
const NAMESERVER_PORT = 53;

/** Checks with real queries, over UDP to this machine only. */
export function createChecks(clock: Clock, random: Random): Checks {
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
      const { rcode, error } = await askUdp(target, unknownName(random), code);
      if (isAnswer(rcode) && error?.code !== EDE.staleAnswer) return;
      throw new Dns4torError(code, `dns4tor at ${where} has no answer${error === undefined ? '' : `: ${error.text}`}`);
    },
    async nameserver(address) {
      const code = 'ERR_SYSTEM_CHECK';
      const { rcode } = await askUdp({ address, port: NAMESERVER_PORT }, unknownName(random), code);
      if (!isAnswer(rcode)) throw new Dns4torError(code, `the server in resolv.conf, ${address}, answers ${rcode}`);
    },
  };
}

/**
 * A random name, which no cache has. It has two labels, because systemd-resolved does not forward single-label names.
 * NXDOMAIN counts as an answer.
 */
function unknownName(random: Random): Question {
  return { name: `${Buffer.from(random.bytes(8)).toString('hex')}.com`, type: 'A' };
}

function isAnswer(rcode: string): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}
