import process from 'node:process';
import type { Command } from 'commander';
import { loadSettings } from '../../config/load.ts';
import { validate } from '../../config/validate.ts';
import { takeHandedOver } from '../../daemon/handed-over.ts';
import { takeNotifyRequest } from '../../daemon/notify/notify-socket.ts';
import type { LoadedConfig } from '../../daemon/reload/restart-options.ts';
import type { Service } from '../../daemon/service.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/random.ts';
import { createLogger, messageOf } from '../../log/logger.ts';
import { ignoredTunnelVariables, takeIgnoredFlags } from '../cloudflared/translate-command-line.ts';
import { addFlags, describeUnknownWords } from '../flags.ts';
import { fitted } from '../help.ts';
import { renderIgnoredVariables, takeIgnoredVariables } from '../ignored-variables.ts';
import { renderConfig } from '../output/config-output.ts';
import { openLogOutput } from '../output/log-output.ts';
import type { Reporter } from '../output/reporter.ts';
import { runUntilSignal, surviveHangUps } from '../run-until-signal.ts';

const EXAMPLES = `
Examples:
  dns4tor proxy-dns                                       answer on localhost, port 53, with the default resolver
  dns4tor proxy-dns --port 5053 --metrics localhost:9053  use another port, if 53 is taken or needs root
  dns4tor proxy-dns --tor-socks 127.0.0.1:9150            use Tor Browser's Tor
  dns4tor proxy-dns --upstream https://dns.quad9.net/dns-query
                                                          use a public resolver, through an exit relay
  dns4tor proxy-dns --config /etc/dns4tor.toml --check    check a file, and show the effective configuration
`;

/** Adds `proxy-dns`, the resolver itself. It takes the flags of cloudflared's command of that name, and its own. */
export function addProxyDns(program: Command, reporter: Reporter): void {
  const command = program
    .command('proxy-dns')
    .summary('answer DNS queries through Tor')
    .description('Answers DNS queries on this machine by forwarding them to an encrypted resolver, always through Tor.')
    .helpOption('-h, --help', 'print this help and exit')
    .optionsGroup('Other:')
    // The action reports unknown words together with all other problems.
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', fitted(EXAMPLES));
  const flags = addFlags(command);
  command.action(async () => {
    const ignored = takeIgnoredVariables(process.env);
    // Leak mutation: settings
    const { ignored: foreignFlags, words } = takeIgnoredFlags(command.args);
    const foreign = [...foreignFlags, ...ignoredTunnelVariables(process.env)];
    const load = (): LoadedConfig => {
      const { settings, problems } = loadSettings({ flags, env: process.env });
      const config = validate({ settings, problems: [...describeUnknownWords(command, words), ...problems] });
      return { settings, config };
    };
    const loaded = load();
    const { config, settings } = loaded;
    const isCheck = settings.some(({ key, texts }) => key === 'check' && texts.includes('true'));
    // Otherwise the log on stderr reports them.
    if (isCheck || config.log.file !== undefined) process.stderr.write(renderIgnoredVariables(ignored));
    if (isCheck) {
      const message = messageOf('cloudflared_ignored', { ignored: foreign.join(', ') });
      if (foreign.length > 0) process.stderr.write(`dns4tor: ${message}\n`);
      process.stdout.write(renderConfig(config, settings, config.log.format));
    } else await serve(loaded, load, reporter, ignored, foreign);
  });
}

/**
 * @param load reads the configuration again
 * @param ignored variables that would weaken the promises
 * @param foreign flags and variables of cloudflared that mean nothing here
 */
async function serve(
  { config, settings }: LoadedConfig,
  load: () => LoadedConfig,
  reporter: Reporter,
  ignored: readonly string[],
  foreign: readonly string[],
): Promise<void> {
  const onHangUp = surviveHangUps();
  using output = openLogOutput(config.log);
  using logger = createLogger(config.log.level, config.log.format, systemClock, output.sink);
  let service: Service | undefined;
  let isReloadAwaited = false;
  onHangUp(() => {
    const reason = output.reopen?.();
    if (reason !== undefined) logger.log('warn', 'log_file_kept', { reason });
    isReloadAwaited = service === undefined;
    service?.reload();
  });
  const isJson = config.log.format === 'json';
  if (isJson || config.log.file !== undefined) reporter.attach(logger, isJson && config.log.file === undefined);
  for (const variable of ignored) logger.log('warn', 'variable_ignored', { variable });
  if (foreign.length > 0) logger.log('info', 'cloudflared_ignored', { ignored: foreign.join(', ') });
  const handedOver = takeHandedOver(process.env, process.pid);
  const notifyRequest = takeNotifyRequest(process.env, process.pid);
  // Loaded here, because `--help` and `--check` need none of it.
  const { startService } = await import('../../daemon/service.ts');
  const start = async (): Promise<Service> => {
    service = await startService({
      config,
      settings,
      load,
      logger,
      clock: systemClock,
      random: systemRandom,
      env: process.env,
      handedOver,
      notifyRequest,
      ...(output.bootstrapDisplay === undefined ? {} : { bootstrapDisplay: output.bootstrapDisplay }),
    });
    if (isReloadAwaited) service.reload();
    return service;
  };
  await runUntilSignal(start, { target: process, clock: systemClock, logger });
}
