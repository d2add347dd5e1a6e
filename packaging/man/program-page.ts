import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey } from '../../src/config/options.ts';
import type { ProgramModel } from '../commands.ts';
import { renderCommand, renderUsage } from './command-section.ts';
import { mdocText, mdocWord } from './mdoc.ts';
import { renderHead } from './page-head.ts';

const ABOUT = `
Programs ask it over UDP and TCP. What it does not know from its cache it asks, as DNS over HTTPS (RFC 8484), of a resolver at an onion
address. The network that the machine is on sees that Tor is used; the resolver sees questions, and not whose they are. There is no plain DNS, no
direct connection and no other resolver to fall back to.`;

const SERVICE = `
As a service, its sockets are systemd's: \`dns4tor.socket\` for queries and \`dns4tor-metrics.socket\` for metrics. The service itself has no
network. Installed, it changes nothing of how this machine resolves names: \`dns4tor install\` does, and \`dns4tor uninstall\` is the way back.`;

const FILES: readonly (readonly [path: string, doc: string])[] = [
  ['/etc/dns4tor.toml', 'Configuration of the service.'],
  ['/run/tor/socks', 'Where the service reaches Tor.'],
  [
    '/usr/share/doc/dns4tor/examples',
    'Drop-ins for the service, each with its reason; alert rules for Prometheus; a dashboard for Grafana.',
  ],
  ['/var/lib/dns4tor-install', 'What `dns4tor uninstall` needs, for as long as `dns4tor install` is in effect.'],
];

const EXIT_DOCS = {
  ok: 'It did what was asked, or was told to stop.',
  failure: 'It could not, for a reason outside its command line and configuration; standard error says which.',
  usage: 'The command line, the environment or the configuration is wrong; each problem has a line of its own.',
  defect: 'A defect of dns4tor.',
} as const satisfies Record<keyof typeof EXIT_CODES, string>;

/** dns4tor(1), from the commands and the options table. */
export function renderProgramPage(program: ProgramModel, dateText: string): string {
  const { commands } = program;
  return [
    ...renderHead({ name: program.name, section: 1, doc: program.description, dateText }),
    '.Sh SYNOPSIS',
    ...commands.map(renderUsage),
    '.Sh DESCRIPTION',
    mdocText(program.description),
    mdocText(ABOUT),
    '.Pp',
    mdocText(SERVICE),
    '.Sh COMMANDS',
    ...commands.flatMap((command, index) => renderCommand(command, commands.slice(0, index))),
    '.Sh ENVIRONMENT',
    mdocText('A flag goes before the environment, the environment before the configuration file.'),
    mdocText(
      'Variables of Node, such as NODE_OPTIONS and NODE_EXTRA_CA_CERTS, are ignored where they could weaken what dns4tor promises.',
    ),
    '.Bl -tag -width indent',
    ...OPTION_KEYS.flatMap(renderEnvironment),
    '.El',
    '.Sh FILES',
    '.Bl -tag -width indent',
    ...FILES.flatMap(([path, doc]) => [`.It Pa ${path}`, mdocText(doc)]),
    '.El',
    '.Sh EXIT STATUS',
    '.Bl -tag -width indent',
    ...Object.entries(EXIT_CODES).flatMap(([name, code]) => [
      `.It ${code}`,
      mdocText(EXIT_DOCS[name as keyof typeof EXIT_CODES]),
    ]),
    '.El',
    '.Sh SEE ALSO',
    '.Xr tor 1 ,',
    '.Xr dns4tor.toml 5 ,',
    '.Xr resolv.conf 5 ,',
    '.Xr systemd.socket 5',
    '',
  ].join('\n');
}

function renderEnvironment(key: OptionKey): string[] {
  const names = envNamesOf(key);
  if (names.length === 0) return [];
  return [
    `.It ${names.map((name) => `Ev ${name}`).join(' , ')}`,
    `The same as`,
    `.Fl ${mdocWord(flagOf(key).slice(1))} .`,
  ];
}
