import { FILE_KEYS, type OptionKey, optionSpec } from '../../src/config/options.ts';
import { mdocLiteral, mdocText, mdocWord } from './mdoc.ts';
import { describeOption } from './option-text.ts';
import { renderHead } from './page-head.ts';

const FORM = `
The file is TOML. Its keys are the flags of \`dns4tor proxy-dns\`, without the leading hyphens. Write whole numbers and booleans without quotes,
everything else in quotes, and repeated values as an array. A size is a number of bytes or has a unit, such as "64KiB" or "16MiB". A duration
always has a unit, such as "1500ms", "10s" or "1d". An unknown key is an error.`;

const SERVICE = `
Some settings of the service are not in this file. Its addresses are in the systemd units (\`systemctl edit dns4tor.socket\`,
\`dns4tor-metrics.socket\`, \`dns4tor-dot.socket\`, \`dns4tor-doh.socket\`). The way to Tor is a flag in the service unit, because its sandbox
allows no other way.`;

const CHECK = `
After a change, run \`dns4tor proxy-dns --config /etc/dns4tor.toml --check\` to check the file and show the effective settings. To apply them,
run \`systemctl restart dns4tor\`.`;

const EXAMPLE = ['upstream = ["https://dns.quad9.net/dns-query"]', 'cache-size = "32MiB"', 'serve-stale = "12h"'];

/** The table that can stand for a key. */
function describeTable(key: OptionKey): string {
  const { table } = optionSpec(key);
  if (table === undefined) return '';
  const [example = ''] = table.examples;
  return `Also a table at the end of the file, \`[${table.name}]\`, with lines such as \`${example}\`.`;
}

/** Generates dns4tor.toml(5) from the options table. */
export function renderFilePage(dateText: string): string {
  return [
    ...renderHead({ name: 'dns4tor.toml', section: 5, doc: 'configuration of dns4tor', dateText }),
    '.Sh DESCRIPTION',
    mdocText(FORM),
    '.Pp',
    mdocText(SERVICE),
    '.Pp',
    mdocText(CHECK),
    '.Sh KEYS',
    '.Bl -tag -width indent',
    ...FILE_KEYS.flatMap((key) => [
      `.It Ic ${mdocWord(key)} = Ar ${mdocWord(optionSpec(key).placeholder)}`,
      mdocText([describeOption(key), describeTable(key)].join(' ').trim()),
    ]),
    '.El',
    '.Sh FILES',
    '.Bl -tag -width indent',
    '.It Pa /etc/dns4tor.toml',
    mdocText('Configuration of the service. Lists every key, commented out.'),
    '.It Pa /usr/share/dns4tor/dns4tor.schema.json',
    mdocText('JSON schema for editors, which complete and check the file with it.'),
    '.El',
    '.Sh EXAMPLES',
    mdocLiteral(EXAMPLE),
    '.Sh SEE ALSO',
    '.Xr dns4tor 1',
    '',
  ].join('\n');
}
