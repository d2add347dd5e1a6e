import { Dns4torError } from '../failures/errors.ts';

/** Sockets that were opened before this process began, as file descriptors: how systemd starts a service on a socket (sd_listen_fds(3)). */
export interface HandedOver {
  /** In the order in which they were given. Empty where there are none: then addresses are bound as configured. */
  readonly dns: readonly number[];
  readonly metrics: number | undefined;
}

/** sd_listen_fds(3): the first is SD_LISTEN_FDS_START, behind stderr, and the others follow. */
const FIRST_DESCRIPTOR = 3;

const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'];

/** What sd_listen_fds_with_names(3) calls a socket that nobody named. */
const UNNAMED = 'unknown';

/**
 * Finds the sockets that were handed over to this process. A socket named `metrics` is the metrics server's, all others are for DNS; what
 * kind each is shows when it is taken over.
 * @param env loses the variables that say so, which are not for children
 * @param pid of this process; what is meant for another, such as a wrapper that did not exec, is none of ours
 * @throws Dns4torError ERR_LISTEN_FD the variables contradict themselves, or give a name that means nothing here
 */
export function takeHandedOver(env: Record<string, string | undefined>, pid: number): HandedOver {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '', LISTEN_FDNAMES: nameList } = env;
  for (const variable of VARIABLES) delete env[variable];
  if (owner !== String(pid)) return { dns: [], metrics: undefined };
  if (!/^\d{1,4}$/.test(count)) throw new Dns4torError('ERR_LISTEN_FD', 'LISTEN_FDS is not a number of descriptors');

  const descriptors = Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index);
  const names = nameList?.split(':') ?? descriptors.map(() => UNNAMED);
  if (names.length !== descriptors.length && descriptors.length > 0) {
    throw new Dns4torError('ERR_LISTEN_FD', `${count} descriptors have ${names.length} names`);
  }
  const dns: number[] = [];
  const metrics: number[] = [];
  for (const [index, descriptor] of descriptors.entries()) {
    const name = names[index] ?? UNNAMED;
    if (name === 'metrics') metrics.push(descriptor);
    else if (isForDns(name)) dns.push(descriptor);
    else {
      const advice = 'names are dns and metrics (FileDescriptorName=)';
      throw new Dns4torError('ERR_LISTEN_FD', `descriptor ${descriptor} is named ${name}, but ${advice}`);
    }
  }
  if (metrics.length > 1) throw new Dns4torError('ERR_LISTEN_FD', `${metrics.length} descriptors are named metrics`);
  return { dns, metrics: metrics[0] };
}

/** systemd.socket(5): without FileDescriptorName= a socket is named for its unit. */
function isForDns(name: string): boolean {
  return name === 'dns' || name === UNNAMED || name.endsWith('.socket');
}
