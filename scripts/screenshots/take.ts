// `npm run screenshots`: takes the pictures that the docs show. With a folder as argument, takes these and more to that
// folder: the whole page, dark and on a phone, and both in an outage and while Tor is stuck. They show sample data.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startMetricsServer } from '../../src/http/metrics-server.ts';
import { createPageFiles } from '../../src/http/page-files.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { type Chromium, startChromium } from '../../test/fixtures/browser.ts';
import { madeUpHour, madeUpStuck } from './hour.ts';
import { terminalPage } from './terminal.ts';

interface TerminalPicture {
  readonly name: string;
  readonly snapshot: () => StatusSnapshot;
}

interface Picture extends TerminalPicture {
  readonly colorScheme: 'light' | 'dark';
  readonly width: number;
  /** Height of the picture. @default the whole page */
  readonly height?: number;
}

const working = (): StatusSnapshot => madeUpHour(false);
const outage = (): StatusSnapshot => madeUpHour(true);

/** The pictures in README. */
const README: readonly Picture[] = [
  { name: 'status-page', snapshot: working, colorScheme: 'light', width: 760, height: 930 },
  { name: 'status-page-outage', snapshot: outage, colorScheme: 'light', width: 760, height: 930 },
];
const README_TERMINAL: TerminalPicture = { name: 'status-terminal', snapshot: working };

const MORE: readonly Picture[] = [
  { name: 'status-page-whole', snapshot: working, colorScheme: 'light', width: 760 },
  { name: 'status-page-dark', snapshot: working, colorScheme: 'dark', width: 760 },
  { name: 'status-page-outage-whole', snapshot: outage, colorScheme: 'light', width: 760 },
  { name: 'status-page-outage-phone', snapshot: outage, colorScheme: 'dark', width: 375 },
  { name: 'status-page-stuck', snapshot: madeUpStuck, colorScheme: 'light', width: 760 },
  { name: 'status-page-stuck-phone', snapshot: madeUpStuck, colorScheme: 'light', width: 375 },
];
const MORE_TERMINALS: readonly TerminalPicture[] = [
  { name: 'status-terminal-outage', snapshot: outage },
  { name: 'status-terminal-stuck', snapshot: madeUpStuck },
];

async function take(
  chromium: Chromium,
  folder: string,
  { name, snapshot, colorScheme, width, height }: Picture,
): Promise<void> {
  await using server = await startMetricsServer({
    endpoint: { kind: 'tcp', host: 'localhost', port: 0 },
    exposition: { contentType: 'text/plain', render: async () => '' },
    ready: async () => ({ ready: true, state: '', detail: '' }),
    status: snapshot,
    readPageFile: createPageFiles(new URL('../../dist/page/', import.meta.url)),
    clock: systemClock,
    onError(error) {
      throw error;
    },
  });
  const view = { colorScheme, timezoneId: 'UTC', viewport: { width, height: height ?? 600 } };
  await using browser = await chromium.openProfile(view);
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await page.getByText('version').waitFor();
  // Plots are drawn in the frame after the first status, and the layout settles with the second.
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: height === undefined });
  process.stdout.write(`${join(folder, name)}.png\n`);
}

/** Draws terminal output in the browser, because a terminal emulator would add its own font and colours. */
async function takeTerminal(chromium: Chromium, folder: string, { name, snapshot }: TerminalPicture): Promise<void> {
  await using browser = await chromium.openProfile();
  const page = await browser.context.newPage();
  await page.setContent(terminalPage(snapshot()));
  await page.locator('pre').screenshot({ path: join(folder, `${name}.png`) });
  process.stdout.write(`${join(folder, name)}.png\n`);
}

const [given] = process.argv.slice(2);
const folder = given ?? fileURLToPath(new URL('../../docs/', import.meta.url));
await mkdir(folder, { recursive: true });
await using chromium = await startChromium();
for (const picture of given === undefined ? README : [...README, ...MORE]) await take(chromium, folder, picture);
for (const picture of given === undefined ? [README_TERMINAL] : [README_TERMINAL, ...MORE_TERMINALS]) {
  await takeTerminal(chromium, folder, picture);
}
