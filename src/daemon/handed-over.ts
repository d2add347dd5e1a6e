import { Dns4torError } from '../failures/errors.ts';

/** Sockets that systemd passed to this process as file descriptors (socket activation, sd_listen_fds(3)). */
export interface HandedOver {
  /**
   * In the order in which they were passed. Empty without socket activation: the configured addresses are bound then.
   */
  readonly dns: readonly number[];
  readonly metrics: number | undefined;
}

/** SD_LISTEN_FDS_START of sd_listen_fds(3), the descriptor after stderr. The others follow it. */
const FIRST_DESCRIPTOR = 3;

const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'];

/** Name of a socket without a name (sd_listen_fds_with_names(3)). */
const UNNAMED = 'unknown';

/**
 * Finds the sockets that were passed to this process. A socket named `metrics` is for the metrics server, all others
 * are for DNS. Their kind is checked when they are adopted.
 * @param env the variables about sockets are removed from it, because they are not meant for child processes
 * @param pid of this process. Variables for another process, such as a wrapper that did not exec, are ignored.
 * @throws Dns4torError ERR_LISTEN_FD if the variables are inconsistent or contain an unknown name
 */
export function takeHandedOver(env: Record<string, string | undefined>, pid: number): HandedOver {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '', LISTEN_FDNAMES: nameList } = env;
  for (const variable of VARIABLES) delete env[variable];
  if (owner !== String(pid)) return { dns: [], metrics: undefined };
  if (!/^\d{1,4}$/.test(count)) throw new Dns4torError('ERR_LISTEN_FD', 'LISTEN_FDS is not a number');

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
      const advice = 'the known names are dns and metrics (FileDescriptorName=)';
      throw new Dns4torError('ERR_LISTEN_FD', `descriptor ${descriptor} is named ${name}; ${advice}`);
    }
  }
  if (metrics.length > 1) throw new Dns4torError('ERR_LISTEN_FD', `${metrics.length} descriptors are named metrics`);
  return { dns, metrics: metrics[0] };
}

/** Without FileDescriptorName=, a socket has the name of its unit (systemd.socket(5)). */
function isForDns(name: string): boolean {
  return name === 'dns' || name === UNNAMED || name.endsWith('.socket');
}
