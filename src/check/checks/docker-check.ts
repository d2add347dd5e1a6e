import { isLoopback } from '../../lib/loopback.ts';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import { readNameservers } from '../../system/managers/resolv-conf.ts';
import type { Facts } from '../facts.ts';
import { goesElsewhere, isOurs, type Place } from '../resolution-path.ts';
import { ok, skip, type Verdict, warn } from '../check-verdict.ts';

/** Where its daemon listens, and where the packages put the daemon. */
const DOCKER = ['/run/docker.sock', '/usr/bin/dockerd', '/usr/sbin/dockerd', '/usr/local/bin/dockerd'] as const;

const DAEMON_JSON = '/etc/docker/daemon.json';

/** Read by Docker where resolv.conf names nothing but systemd-resolved, which containers cannot reach. */
const RESOLVED_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';
const RESOLVED_STUB = '127.0.0.53';

const SET_DNS = `Have dns4tor answer on port 53 of docker0’s address as well (172.17.0.1 by default; see --address and --allow), and put "dns": ["172.17.0.1"] into ${DAEMON_JSON}.`;

/** Whether containers are sent to dns4tor, or past it. */
export async function checkDocker(facts: Place & Pick<Facts, 'fs' | 'standing'>): Promise<Verdict> {
  const { fs } = facts;
  const found = await Promise.all(DOCKER.map((path) => fs.inspect(path)));
  if (found.every((entry) => entry === undefined)) return skip('there is no Docker here');
  const configured = await readConfiguredServers(fs);
  if (configured === 'malformed') {
    return warn(`${DAEMON_JSON} cannot be understood`, 'Correct it: Docker does not start with it.');
  }
  if (configured.length > 0) {
    const others = configured.filter((server) => !isOurs(facts, server) || isLoopback(server));
    if (others.length === 0) return ok(`containers are sent to dns4tor (${configured.join(', ')})`);
    return warn(`${DAEMON_JSON} sends containers to ${others.join(', ')}, past dns4tor`, SET_DNS);
  }
  const inherited = (await readInheritedServers(fs)).filter((server) => !isLoopback(server));
  if (inherited.length === 0) {
    return warn(
      'this machine’s servers are loopback addresses, so Docker sends containers and builds to 8.8.8.8, past dns4tor',
      SET_DNS,
    );
  }
  if (inherited.every((server) => isOurs(facts, server))) {
    return ok(`containers are sent to dns4tor as resolv.conf says (${inherited.join(', ')})`);
  }
  return goesElsewhere(facts, `Docker sends containers to ${inherited.join(', ')}, as resolv.conf says`);
}

/** What the file says for all containers; none where it leaves that open. */
async function readConfiguredServers(fs: FileSystem): Promise<readonly string[] | 'malformed'> {
  if ((await fs.inspect(DAEMON_JSON)) === undefined) return [];
  const settings = parseJson(Buffer.from(await fs.read(DAEMON_JSON)).toString());
  if (typeof settings !== 'object' || settings === null) return 'malformed';
  const dns: unknown = 'dns' in settings ? settings.dns : [];
  return Array.isArray(dns) && dns.every((server) => typeof server === 'string') ? dns : 'malformed';
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Those of resolv.conf; of which Docker leaves out what is loopback. */
async function readInheritedServers(fs: FileSystem): Promise<readonly string[]> {
  const servers = await readNameservers(fs);
  const isStub = servers.length > 0 && servers.every((server) => server === RESOLVED_STUB);
  return isStub ? readNameservers(fs, RESOLVED_RESOLV_CONF) : servers;
}
