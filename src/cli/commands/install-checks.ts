import { ask, isDns4tor, type Question, type Reply, IDENTITY_QUESTION } from '../../check/dns-client.ts';
import type { Clock } from '../../lib/clock.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { EDE, type ErrorCode } from '../../failures/failures.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import type { Random } from '../../lib/random.ts';
import type { Checks, Target } from '../../system/machine.ts';

/** Longer than an onion's answer takes in 99 of 100 cases, by way of a resolver that has just been restarted. */
const TIMEOUT_MS = 20_000;
const NAMESERVER_PORT = 53;

/** Asks real queries over UDP, of this machine alone. */
export function createChecks(clock: Clock, random: Random): Checks {
  const askUdp = (target: Target, question: Question, code: ErrorCode): Promise<Reply> => {
    // The server in resolv.conf may be one that has just been restarted, and not be there yet.
    const options = { clock, random, timeoutMs: TIMEOUT_MS, retryRefused: code === 'ERR_SYSTEM_CHECK' };
    return ask(target, question, 'udp', options).catch((error: unknown) => {
      throw new Dns4torError(code, formatHostPort(target.address, target.port), error);
    });
  };
  return {
    async upstream(target) {
      const code = 'ERR_SYSTEM_UNANSWERED';
      const where = formatHostPort(target.address, target.port);
      // Any other server there would ask the network in the clear.
      const isOurs = isDns4tor(await askUdp(target, IDENTITY_QUESTION, code));
      if (!isOurs) throw new Dns4torError(code, `what answers at ${where} is not dns4tor, or another version of it`);
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

/** A name that no cache on the way has, of two labels, as systemd-resolved does not send single ones on. That it does not exist is an answer. */
function unknownName(random: Random): Question {
  return { name: `${Buffer.from(random.bytes(8)).toString('hex')}.com`, type: 'A' };
}

function isAnswer(rcode: string): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}
