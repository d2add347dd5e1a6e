import { isLoopback } from '../../lib/ip-address.ts';
import { readNameservers } from '../../system/managers/resolv-conf.ts';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import { ok, skip, type Verdict, warn } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';
import { isOurs, judgeBypass, type OwnAddresses } from '../resolution-path.ts';

/** Files whose existence shows that Docker is installed: its daemon's socket, and the daemon. */
const DOCKER = ['/run/docker.sock', '/usr/bin/dockerd', '/usr/sbin/dockerd', '/usr/local/bin/dockerd'] as const;

const DAEMON_JSON = '/etc/docker/daemon.json';

/** Docker reads this file instead if resolv.conf names only systemd-resolved's stub, which containers cannot reach. */
const RESOLVED_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';
const RESOLVED_STUB = '127.0.0.53';

const SET_DNS = `Make dns4tor answer on port 53 of docker0’s address too (172.17.0.1 by default; see --address and --allow), and put "dns": ["172.17.0.1"] into ${DAEMON_JSON}.`;

/** Checks that Docker's containers use dns4tor. */
export async function checkDocker(facts: OwnAddresses & Pick<Facts, 'fs' | 'installation'>): Promise<Verdict> {
  const { fs } = facts;
  const found = await Promise.all(DOCKER.map((path) => fs.inspect(path)));
  if (found.every((entry) => entry === undefined)) return skip('Docker is not installed here');
  const configured = await readConfiguredServers(fs);
  if (configured === 'malformed') {
    return warn(`${DAEMON_JSON} is malformed`, 'Correct it: Docker does not start with it.');
  }
  if (configured.length > 0) {
    const others = configured.filter((server) => !isOurs(facts, server) || isLoopback(server));
    if (others.length === 0) return ok(`containers use dns4tor (${configured.join(', ')})`);
    return warn(`${DAEMON_JSON} makes containers use ${others.join(', ')} instead of dns4tor`, SET_DNS);
  }
  const inherited = (await readInheritedServers(fs)).filter((server) => !isLoopback(server));
  if (inherited.length === 0) {
    return warn(
      'resolv.conf names only loopback addresses, so Docker makes containers and builds use 8.8.8.8 instead of dns4tor',
      SET_DNS,
    );
  }
  if (inherited.every((server) => isOurs(facts, server))) {
    return ok(`containers use dns4tor, as in resolv.conf (${inherited.join(', ')})`);
  }
  return judgeBypass(facts, `Docker makes containers use ${inherited.join(', ')}, as in resolv.conf`);
}

/** Reads the servers that daemon.json sets for all containers. Empty if it sets none. */
async function readConfiguredServers(fs: FileSystem): Promise<readonly string[] | 'malformed'> {
  if ((await fs.inspect(DAEMON_JSON)) === undefined) return [];
  const settings = parseJson(Buffer.from(await fs.read(DAEMON_JSON)).toString());
  if (typeof settings !== 'object' || settings === null) return 'malformed';
  const dns: unknown = 'dns' in settings ? settings.dns : [];
  return Array.isArray(dns) && dns.every((server) => typeof server === 'string') ? dns : 'malformed';
}

/** Returns undefined for malformed JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads the servers that containers inherit from the machine. Docker drops the loopback addresses among them. */
async function readInheritedServers(fs: FileSystem): Promise<readonly string[]> {
  const servers = await readNameservers(fs);
  const isStub = servers.length > 0 && servers.every((server) => server === RESOLVED_STUB);
  return isStub ? readNameservers(fs, RESOLVED_RESOLV_CONF) : servers;
}
