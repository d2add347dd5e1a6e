import { FILE_KEYS, optionSpec } from '../../src/config/options.ts';
import { mdocLiteral, mdocText, mdocWord } from './mdoc.ts';
import { describeOption } from './option-text.ts';
import { renderHead } from './page-head.ts';

const FORM = `
The file is TOML. Its keys are the names of the flags of \`dns4tor proxy-dns\`, without the hyphens in front. Whole numbers and booleans are
written as such, all else in quotes; what may be repeated is an array. Sizes are numbers of bytes or have a unit, as in "64KiB" or "16MiB";
durations have one, as in "1500ms", "10s" or "1d". A key that does not exist is an error.`;

const SERVICE = `
Of the service, not everything is set here: where it answers and serves metrics are sockets, which are systemd's (\`systemctl edit
dns4tor.socket\`, \`dns4tor-metrics.socket\`), and how it reaches Tor is a flag of the unit, since its sandbox admits no other way.`;

const CHECK = `
\`dns4tor proxy-dns --config /etc/dns4tor.toml --check\` says what is in effect, and whether it is right; \`systemctl restart dns4tor\` puts it into effect.`;

const EXAMPLE = ['upstream = ["https://dns.quad9.net/dns-query"]', 'cache-size = "32MiB"', 'serve-stale = "12h"'];

/** dns4tor.toml(5), from the options table. */
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
      mdocText(describeOption(key)),
    ]),
    '.El',
    '.Sh FILES',
    '.Bl -tag -width indent',
    '.It Pa /etc/dns4tor.toml',
    mdocText('Configuration of the service. Lists every key, commented out.'),
    '.It Pa /usr/share/dns4tor/dns4tor.schema.json',
    mdocText('JSON schema, with which editors complete and check the file.'),
    '.El',
    '.Sh EXAMPLES',
    mdocLiteral(EXAMPLE),
    '.Sh SEE ALSO',
    '.Xr dns4tor 1',
    '',
  ].join('\n');
}
