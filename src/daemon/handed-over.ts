import { Dns4torError } from '../failures/errors.ts';

/** Sockets that systemd passed to this process as file descriptors (socket activation, sd_listen_fds(3)). */
export interface HandedOver {
  /**
   * In the order in which they were passed. Empty without socket activation: the configured addresses are bound then.
   */
  readonly dns: readonly number[];
  readonly metrics: number | undefined;
  /** For DNS over TLS. */
  readonly dot: readonly number[];
  /** For DNS over HTTPS. */
  readonly doh: readonly number[];
  /** For DNS over HTTPS without TLS: unix sockets. */
  readonly dohPlain: readonly number[];
}

/** SD_LISTEN_FDS_START of sd_listen_fds(3), the descriptor after stderr. The others follow it. */
const FIRST_DESCRIPTOR = 3;

/** No sockets were passed. */
export const NOT_HANDED_OVER: HandedOver = { dns: [], metrics: undefined, dot: [], doh: [], dohPlain: [] };

const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'];

/** Name of a socket without a name (sd_listen_fds_with_names(3)). */
const UNNAMED = 'unknown';

/**
 * Finds the sockets that were passed to this process. Those named `metrics`, `dot`, `doh` and `doh-plain` are for what
 * their name says, all others are for DNS. Their kind is checked when they are adopted.
 * @param env the variables about sockets are removed from it, because they are not meant for child processes
 * @param pid of this process. Variables for another process, such as a wrapper that did not exec, are ignored.
 * @throws Dns4torError ERR_LISTEN_FD if the variables are inconsistent or contain an unknown name
 */
export function takeHandedOver(env: Record<string, string | undefined>, pid: number): HandedOver {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '', LISTEN_FDNAMES: nameList } = env;
  for (const variable of VARIABLES) delete env[variable];
  if (owner !== String(pid)) return NOT_HANDED_OVER;
  if (!/^\d{1,4}$/.test(count)) throw new Dns4torError('ERR_LISTEN_FD', 'LISTEN_FDS is not a number');

  const descriptors = Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index);
  const names = nameList?.split(':') ?? descriptors.map(() => UNNAMED);
  if (names.length !== descriptors.length && descriptors.length > 0) {
    throw new Dns4torError('ERR_LISTEN_FD', `${count} descriptors have ${names.length} names`);
  }
  const byName = new Map<Name, number[]>(NAMES.map((name) => [name, []]));
  for (const [index, descriptor] of descriptors.entries()) {
    const name = names[index] ?? UNNAMED;
    const known = isForDns(name) ? 'dns' : NAMES.find((each) => each === name);
    if (known === undefined) {
      const advice = `the known names are ${NAMES.join(', ')} (FileDescriptorName=)`;
      throw new Dns4torError('ERR_LISTEN_FD', `descriptor ${descriptor} is named ${name}; ${advice}`);
    }
    byName.get(known)?.push(descriptor);
  }
  const named = (name: Name): readonly number[] => byName.get(name) ?? [];
  const [metrics, ...others] = named('metrics');
  if (others.length > 0) throw new Dns4torError('ERR_LISTEN_FD', `${others.length + 1} descriptors are named metrics`);
  return { dns: named('dns'), metrics, dot: named('dot'), doh: named('doh'), dohPlain: named('doh-plain') };
}

/** The names of sockets (FileDescriptorName=). */
const NAMES = ['dns', 'metrics', 'dot', 'doh', 'doh-plain'] as const;
type Name = (typeof NAMES)[number];

/** Without FileDescriptorName=, a socket has the name of its unit (systemd.socket(5)). */
function isForDns(name: string): boolean {
  return name === 'dns' || name === UNNAMED || name.endsWith('.socket');
}
