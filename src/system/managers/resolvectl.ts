import type { Runner } from '../command.ts';

/** What systemd-resolved asks on behalf of one link, or of all programs. */
export interface ResolvedScope {
  /** The name of the interface; undefined for what holds everywhere. */
  readonly link: string | undefined;
  readonly servers: readonly string[];
  /** As resolvectl(1) shows them: with `~` in front those that only say where names are asked; `~.` is all names. */
  readonly domains: readonly string[];
  /** Whether it asks the local network for names, where the scope that holds everywhere does so too. */
  readonly llmnr: boolean;
  readonly mdns: boolean;
}

export interface ResolvedSettings {
  readonly everywhere: ResolvedScope;
  readonly links: readonly ResolvedScope[];
}

const EVERYWHERE = 'Global';

/** What systemd-resolved has been told, by whomever. Asks it, not the network. Undefined where it does not tell. */
export async function readResolvedLinks(run: Runner): Promise<ResolvedSettings | undefined> {
  const [servers, domains, llmnr, mdns] = await Promise.all(
    (['dns', 'domain', 'llmnr', 'mdns'] as const).map(async (verb) => {
      const { status, stdout } = await run(['resolvectl', '--no-pager', verb]);
      return status === 0 ? parse(stdout) : undefined;
    }),
  );
  if (servers === undefined || domains === undefined) return undefined;
  const scopeOf = (name: string): ResolvedScope => ({
    link: name === EVERYWHERE ? undefined : name,
    servers: servers.get(name) ?? [],
    domains: domains.get(name) ?? [],
    llmnr: isOn(llmnr?.get(name)),
    mdns: isOn(mdns?.get(name)),
  });
  const links = [...new Set([...servers.keys(), ...domains.keys()])].filter((name) => name !== EVERYWHERE);
  return { everywhere: scopeOf(EVERYWHERE), links: links.map(scopeOf) };
}

/** `resolve` asks, and does not answer. */
function isOn(words: readonly string[] | undefined): boolean {
  return words?.[0] === 'yes' || words?.[0] === 'resolve';
}

/** `Global: …` and `Link 2 (eth0): …`; what does not fit the width of a terminal goes on in lines that begin with spaces. */
function parse(output: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const line of output.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
    const [, link, words] = /^(?:Global|Link \d+ \((.+?)\)):(.*)$/.exec(line) ?? [];
    if (words !== undefined)
      found.set(
        link ?? EVERYWHERE,
        words.split(/\s+/).filter((word) => word !== ''),
      );
  }
  return found;
}
