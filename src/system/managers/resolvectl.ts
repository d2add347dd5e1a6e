import type { Runner } from '../command.ts';

/** The settings of systemd-resolved for one link, or the global ones. */
export interface ResolvedScope {
  /** Name of the network interface; undefined for the global scope. */
  readonly link: string | undefined;
  readonly servers: readonly string[];
  /** As resolvectl(1) shows them. `~` marks a routing-only domain; `~.` routes all names. */
  readonly domains: readonly string[];
  /** Whether names are also looked up on the local network. Takes effect only if the global scope has it on, too. */
  readonly llmnr: boolean;
  readonly mdns: boolean;
}

/** DNS settings of systemd-resolved: the global ones and those of each link. */
export interface ResolvedSettings {
  readonly global: ResolvedScope;
  readonly links: readonly ResolvedScope[];
}

const GLOBAL = 'Global';

/** Reads the present settings of systemd-resolved, by resolvectl. Undefined if that fails. */
export async function readResolvedLinks(run: Runner): Promise<ResolvedSettings | undefined> {
  const [servers, domains, llmnr, mdns] = await Promise.all(
    (['dns', 'domain', 'llmnr', 'mdns'] as const).map(async (verb) => {
      const { status, stdout } = await run(['resolvectl', '--no-pager', verb]);
      return status === 0 ? parse(stdout) : undefined;
    }),
  );
  if (servers === undefined || domains === undefined) return undefined;
  const scopeOf = (name: string): ResolvedScope => ({
    link: name === GLOBAL ? undefined : name,
    servers: servers.get(name) ?? [],
    domains: domains.get(name) ?? [],
    llmnr: isOn(llmnr?.get(name)),
    mdns: isOn(mdns?.get(name)),
  });
  const links = [...new Set([...servers.keys(), ...domains.keys()])].filter((name) => name !== GLOBAL);
  return { global: scopeOf(GLOBAL), links: links.map(scopeOf) };
}

/** `resolve` looks names up, but does not answer queries of others. */
function isOn(words: readonly string[] | undefined): boolean {
  return words?.[0] === 'yes' || words?.[0] === 'resolve';
}

/** Lines are `Global: …` and `Link 2 (eth0): …`. Long lines continue on lines that begin with spaces. */
function parse(output: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const line of output.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
    const [, link, words] = /^(?:Global|Link \d+ \((.+?)\)):(.*)$/.exec(line) ?? [];
    if (words !== undefined)
      found.set(
        link ?? GLOBAL,
        words.split(/\s+/).filter((word) => word !== ''),
      );
  }
  return found;
}
