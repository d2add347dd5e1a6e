import { toSentence } from '../../packaging/man/sentence.ts';
import { wrapLine } from '../../packaging/wrap.ts';
import { describeDefault, describeValues } from '../../src/config/option-values.ts';
import { FILE_KEYS, FILE_TABLES, type OptionKey, optionSpec } from '../../src/config/options.ts';
import { choicesOf } from '../../src/config/parse/kinds.ts';
import { OPTION_GROUPS } from './options.ts';

const COLUMNS = 100;

/** Where an editor finds the schema: beside the file. The Debian package puts its own path here. */
export const SCHEMA_LINE = '#:schema ./dns4tor.schema.json';

const HEAD = `
Configuration of dns4tor. Every key is listed with its default, commented out. To set a key, remove the "#" in front.

\`dns4tor proxy-dns --config /etc/dns4tor.toml --check\` checks this file. \`systemctl restart dns4tor\` applies it.

As a service, dns4tor gets its sockets and its way to Tor from systemd, so all addresses and ports, metrics and
tor-socks have no effect here. Use \`systemctl edit\` with dns4tor.socket, dns4tor-dot.socket, dns4tor-doh.socket or
dns4tor-metrics.socket instead. Bridges go into the torrc of the system's Tor.`;

/** Values for the keys that have no default. */
const EXAMPLES: Readonly<Partial<Record<OptionKey, string>>> = {
  allow: '192.168.1.0/24',
  'doh-address': 'localhost',
  'doh-plain': 'unix:/run/dns4tor/doh',
  'dot-address': '192.168.1.2',
  'tls-cert': '/etc/dns4tor/tls/cert.pem',
  'tls-key': '/etc/dns4tor/tls/key.pem',
  bootstrap: 'https://1.1.1.1/dns-query',
  'upstream-name': 'resolver.example',
  'metrics-host': 'dns4tor.lan',
  'upstream-ca': '/etc/dns4tor/ca.pem',
  'upstream-pin': `sha256/${'A'.repeat(43)}=`,
  'onion-auth-file': '/etc/dns4tor/resolver.auth_private',
  bridge: '192.0.2.10:443 0123456789ABCDEF0123456789ABCDEF01234567',
  'bridges-file': '/etc/dns4tor/bridges',
  transport: 'webtunnel=/usr/local/bin/webtunnel-client',
  'tor-option': 'ExcludeExitNodes {de}',
  route: 'lan=192.168.1.1',
  hosts: '/etc/dns4tor/hosts',
  name: 'nas.lan=192.168.1.5',
  blocklist: '/etc/dns4tor/block.txt',
  allowlist: '/etc/dns4tor/allow.txt',
  'private-answers-for': 'plex.direct',
  logfile: '/var/log/dns4tor/dns4tor.log',
};

/** systemd/dns4tor.toml: every key, commented out, with its meaning and its default or an example. */
export function renderConfigFile(): string {
  const groups = OPTION_GROUPS.map((group) => {
    const keys = FILE_KEYS.filter((key) => optionSpec(key).group === group);
    return [`## ${group}`, ...keys.map(renderKey)].join('\n\n');
  });
  return `${[SCHEMA_LINE, comment(HEAD.trim()), ...groups, renderTables()].join('\n\n')}\n`;
}

/** The tables. In TOML, every key below a table's head belongs to the table, so they are the end of the file. */
function renderTables(): string {
  const tables = [...FILE_TABLES].map(([name, key]) => {
    const { examples = [] } = optionSpec(key).table ?? {};
    const meaning = `The same as ${key} above, as a table; a value may be a list.`;
    return [comment(meaning), ...[`[${name}]`, ...examples].map((line) => `# ${line}`)].join('\n');
  });
  return ['## Tables (these lines must stay at the end of the file)', ...tables].join('\n\n');
}

function renderKey(key: OptionKey): string {
  const { default: text, list } = optionSpec(key);
  const value = toToml(key, text ?? EXAMPLES[key] ?? '');
  return `${comment(describeKey(key))}\n# ${key} = ${list === undefined ? value : `[${value}]`}`;
}

/** What the key means, its values and, if the line below shows only an example, its default. */
export function describeKey(key: OptionKey): string {
  const { kind, doc, default: text } = optionSpec(key);
  const values = describeValues(key);
  return [
    toSentence(doc),
    ...(values === '' ? [] : [`${choicesOf(kind).length > 0 ? 'One of' : 'Range:'} ${values}.`]),
    ...(text === undefined ? [`Default: ${describeDefault(key)}.`] : []),
  ].join(' ');
}

function toToml(key: OptionKey, text: string): string {
  const { kind } = optionSpec(key);
  // JSON strings are TOML strings.
  return kind === 'integer' || kind === 'boolean' ? text : JSON.stringify(text);
}

function comment(text: string): string {
  const lines = text.split('\n\n').flatMap((paragraph) => ['', ...wrapLine(paragraph, COLUMNS - '# '.length)]);
  return lines
    .slice(1)
    .map((line) => `# ${line}`.trimEnd())
    .join('\n');
}
