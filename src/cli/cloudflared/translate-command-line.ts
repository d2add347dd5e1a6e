import { isYamlPath } from '../../config/cloudflared/describe-yaml.ts';
import { RENAMED_OPTIONS } from '../../config/cloudflared/renamed-options.ts';
import { ConfigError } from '../../config/config-problem.ts';
import { isOptionKey, optionSpec } from '../../config/options.ts';
import { IGNORED_GROUPS, TUNNEL_FLAGS } from './cloudflared-flags.ts';

/** cloudflared's switch that makes `tunnel` a DNS proxy, and its environment variable. */
const PROXY_DNS = 'proxy-dns';
const PROXY_DNS_VARIABLE = 'TUNNEL_DNS';

const IGNORED = new Map(IGNORED_GROUPS.flatMap(({ flags }) => flags.map((flag) => [flag.name, flag] as const)));
const OF_TUNNELS = new Map(TUNNEL_FLAGS.map((flag) => [flag.name, flag]));

const NO_TUNNELS = {
  problem: 'dns4tor has no tunnels; it replaces only the DNS proxy of cloudflared',
  remedy: 'run `dns4tor proxy-dns`, or `dns4tor tunnel --proxy-dns` as before, and cloudflared for the tunnel',
};

/**
 * Translates a command line of cloudflared into one of dns4tor: flags before the command, `tunnel --proxy-dns`, and its
 * flags `--proxy-dns-…`. Returns other command lines as they are.
 *
 * @param commands the commands of dns4tor
 * @throws {ConfigError} for a command line that starts a tunnel
 */
export function translateCommandLine(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  commands: readonly string[],
): readonly string[] {
  const [first = ''] = argv;
  if (first === PROXY_DNS) return [first, ...argv.slice(1).map(withTwoDashes)];
  if (commands.includes(first)) return argv;
  const { flags, rest } = leadingFlags(argv);
  const [command, ...words] = rest;
  if (command === 'tunnel') return translateTunnel(flags, words, env);
  if (command === undefined) return isProxyDns(flags, {}) ? translateTunnel(flags, [], env) : argv;
  if (flags.length === 0) return argv;
  if (command === 'version') return ['--version'];
  if (/^(?:-h|--help|help|-V|--version)$/.test(command)) return rest;
  if (!commands.includes(command)) return argv;
  refuseTunnels(flags);
  return [command, ...flags.map(toWord), ...words.map(command === PROXY_DNS ? withTwoDashes : (word) => word)];
}

interface Flag {
  readonly name: string;
  /** Undefined for a switch without one. */
  readonly value: string | undefined;
}

/** Splits off the flags at the beginning. Ends at a flag that neither cloudflared nor dns4tor has. */
function leadingFlags(words: readonly string[]): { readonly flags: readonly Flag[]; readonly rest: readonly string[] } {
  const flags: Flag[] = [];
  let index = 0;
  while (index < words.length) {
    const found = /^--?(?<name>[a-z][a-z0-9-]+)(?:=(?<value>.*))?$/s.exec(words[index] ?? '')?.groups;
    const takesValue = found && doesTakeValue(found['name'] ?? '');
    if (found === undefined || takesValue === undefined) break;
    const { name = '', value } = found;
    const isApart = takesValue && value === undefined;
    flags.push({ name, value: isApart ? words[index + 1] : value });
    index += isApart ? 2 : 1;
  }
  return { flags, rest: words.slice(index) };
}

/** Undefined for a flag that neither cloudflared nor dns4tor has. */
function doesTakeValue(name: string): boolean | undefined {
  if (name === PROXY_DNS) return false;
  const key = RENAMED_OPTIONS[name] ?? name;
  if (isOptionKey(key)) return optionSpec(key).kind !== 'boolean';
  return (IGNORED.get(name) ?? OF_TUNNELS.get(name))?.takesValue;
}

function translateTunnel(
  before: readonly Flag[],
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const { flags: after, rest } = leadingFlags(words);
  const flags = [...before, ...after];
  refuseTunnels(flags);
  const [subcommand = ''] = rest;
  if (subcommand === PROXY_DNS) return [PROXY_DNS, ...flags.map(toWord), ...rest.slice(1)];
  // cloudflared's file may have the switch. Its refusal says more than that of a tunnel.
  const isFile = flags.some(({ name, value = '' }) => name === 'config' && isYamlPath(value));
  if (!(isProxyDns(flags, env) || isFile) || /^[^-]/.test(subcommand)) throw new ConfigError([NO_TUNNELS]);
  return [PROXY_DNS, ...flags.filter(({ name }) => name !== PROXY_DNS).map(toWord), ...rest];
}

function isProxyDns(flags: readonly Flag[], env: Readonly<Record<string, string | undefined>>): boolean {
  const flag = flags.findLast(({ name }) => name === PROXY_DNS);
  const text = flag === undefined ? env[PROXY_DNS_VARIABLE] : (flag.value ?? 'true');
  return text === 'true' || text === '1';
}

function refuseTunnels(flags: readonly Flag[]): void {
  const problems = flags
    .filter(({ name }) => OF_TUNNELS.has(name))
    .map(({ name }) => ({ ...NO_TUNNELS, problem: `--${name}: ${NO_TUNNELS.problem}` }));
  if (problems.length > 0) throw new ConfigError(problems);
}

/** One word, so that no value is taken for a flag or a command. */
function toWord({ name, value }: Flag): string {
  return `--${RENAMED_OPTIONS[name] ?? name}${value === undefined ? '' : `=${value}`}`;
}

/** cloudflared takes its flags with one dash, too. Those of dns4tor are for `withDoubleDashes`. */
function withTwoDashes(word: string): string {
  const name = /^-([a-z][a-z0-9-]+)(?:=|$)/.exec(word)?.[1];
  return name !== undefined && IGNORED.has(name) ? `-${word}` : word;
}

/**
 * Takes the flags of cloudflared that mean nothing here out of the words that are no flags of dns4tor.
 *
 * @returns the names of these flags, with their dashes, and the other words
 */
export function takeIgnoredFlags(words: readonly string[]): {
  readonly ignored: readonly string[];
  readonly words: readonly string[];
} {
  const ignored: string[] = [];
  const others: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    const [name = '', value] = word.split('=', 2);
    const flag = name.startsWith('--') ? IGNORED.get(name.slice(2)) : undefined;
    if (flag === undefined) others.push(word);
    else {
      ignored.push(name);
      if (flag.takesValue && value === undefined) index++;
    }
  }
  return { ignored: [...new Set(ignored)], words: others };
}

/** The environment variables of cloudflared that are set and mean nothing here. Their names tell whose they are. */
export function ignoredTunnelVariables(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return [...IGNORED.values(), ...OF_TUNNELS.values()]
    .flatMap((flag) => flag.env)
    .filter((name) => /^(?:TUNNEL_|NO_AUTOUPDATE$)/.test(name) && (env[name] ?? '') !== '');
}
