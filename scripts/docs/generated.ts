import { readFileSync } from 'node:fs';
import { renderCloudflaredIgnored, renderCloudflaredOptions, renderCloudflaredRefused } from './cloudflared.ts';
import { renderConfigFile } from './config-file.ts';
import { renderConfigSchema } from './config-schema.ts';
import { renderEvents, renderFields } from './log-events.ts';
import { fillSections } from './markdown.ts';
import { renderCommandFailures, renderDrops, renderFailures, renderMetrics } from './metrics.ts';
import { renderOptions, renderReloadedOptions } from './options.ts';
import { renderPromises } from './promises.ts';
import {
  renderLogLineSample,
  renderQueryExcerpt,
  renderQuerySample,
  renderStartSample,
  renderStatusSample,
} from './samples.ts';

const ROOT = new URL('../../', import.meta.url);

/** What stands between the markers `<!-- NAME -->` and `<!-- /NAME -->` of a page. */
const SECTIONS: Readonly<Record<string, () => string>> = {
  options: renderOptions,
  'cloudflared-options': renderCloudflaredOptions,
  'cloudflared-ignored': renderCloudflaredIgnored,
  'cloudflared-refused': renderCloudflaredRefused,
  'reloaded-options': renderReloadedOptions,
  events: renderEvents,
  fields: renderFields,
  metrics: renderMetrics,
  failures: renderFailures,
  'command-failures': renderCommandFailures,
  drops: renderDrops,
  promises: renderPromises,
  status: renderStatusSample,
  query: renderQuerySample,
  'query-excerpt': renderQueryExcerpt,
  'log-start': renderStartSample,
  'log-line': renderLogLineSample,
};

const PAGES = [
  'README.md',
  'docs/cloudflared.md',
  'docs/commands.md',
  'docs/configuration.md',
  'docs/errors.md',
  'docs/guarantees.md',
  'docs/log-events.md',
  'docs/metrics.md',
  'docs/monitoring.md',
  'docs/reload.md',
];

/** Every file that `npm run docs` writes, relative to the checkout, with what it must hold. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(PAGES.map((page) => [page, () => fillSections(readText(page), SECTIONS)])),
  'systemd/dns4tor.toml': renderConfigFile,
  'systemd/dns4tor.schema.json': renderConfigSchema,
};

export function readText(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}
