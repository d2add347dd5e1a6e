import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { type DaemonBehindDouble, startBehindDouble } from '../fixtures/behind-double.ts';
import { type RunningBrowser, startBrowser } from '../fixtures/browser.ts';
import { UdpClient } from '../fixtures/udp-client.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { GOOD } from '../protocol/upstream-messages.ts';
import { startSocksDouble } from '../tor/socks-double.ts';

/** From an event to what a person sees of it. */
const SEEN_MS = 5000;
const WORKING = 'Working: names are resolved through Tor.';
const PHONE = { width: 360, height: 640 } as const;

/** `--upstream` of style.css, the colour of answers that came from the resolver. */
const UPSTREAM_COLORS = { light: [0x6b, 0x4f, 0xa0], dark: [0xa9, 0x8e, 0xe6] } as const;

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface Fixture extends AsyncDisposable, DaemonBehindDouble {
  readonly browser: RunningBrowser;
  readonly page: Page;
  /** Asks for so many names, each of them new. */
  readonly ask: (names: number) => Promise<void>;
}

/** The page of the running command, once it works. */
async function open(): Promise<Fixture> {
  await using resources = new AsyncDisposableStack();
  const behind = resources.use(await startBehindDouble(GOOD, '--circuits', '3'));
  const client = resources.use(await UdpClient.open(behind.daemon.port));
  const browser = resources.use(await startBrowser());
  await behind.daemon.answers();
  const page = await browser.context.newPage();
  await page.goto(`http://${behind.daemon.metricsAddress}/`);
  await sentence(page, WORKING);
  let asked = 0;
  const running = resources.move();
  return {
    ...behind,
    browser,
    page,
    async ask(names) {
      for (let i = 0; i < names; i++) await client.ask({ name: `n${asked++}.dns4tor-lab.net` });
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Resolves when the page says it, within the time that it has. */
async function sentence(page: Page, text: string, timeout: number = SEEN_MS): Promise<void> {
  await page.getByRole('status').filter({ hasText: text }).waitFor({ timeout });
}

/** Whether a pixel of the first plot has this colour. */
function hasColor(page: Page, color: readonly number[]): Promise<boolean> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const isMeant = (_, i) => i % 4 === 0 && [${color.join(',')}].every((value, channel) => data[i + channel] === value);
    return data.some(isMeant);
  })()`);
}

/** What axe-core finds that keeps people out; a violation's description and where it is. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations: found } = await page.evaluate<{
    violations: { impact: string; help: string; nodes: { html: string }[] }[];
  }>('axe.run()');
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ help, nodes }) => nodes.map(({ html }) => `${help}: ${html}`));
}

test('the page shows how it stands, follows what happens, asks nobody else for anything, and has nothing to complain of', async () => {
  await using fixture = await open();
  const { page, browser, daemon, ask } = fixture;
  assert.equal(await page.title(), 'Working – dns4tor');
  const resolver = page.locator('#upstreams');
  assert.match(await resolver.innerText(), /\.onion:443\s+Reachable\./);
  assert.equal(await resolver.locator('tbody tr').count(), 3);
  assert.match(await page.locator('#tor-state').innerText(), /^Tor is connected\./);
  assert.equal(await page.locator('canvas').count(), 2);

  await ask(7);
  await page.locator('#answers-legend li', { hasText: 'resolver 7' }).waitFor({ timeout: SEEN_MS });
  await page.locator('#cache-state', { hasText: '7 answers in' }).waitFor({ timeout: SEEN_MS });
  const legend = page.locator('#answers-legend .when');
  assert.equal(await legend.innerText(), 'In the hour');
  const plot = await page.locator('#answers-plot canvas').boundingBox();
  assert.ok(plot !== null);
  await page.mouse.move(plot.x + plot.width - 8, plot.y + plot.height / 2);
  assert.match(await legend.innerText(), /^At \d\d:\d\d$/);
  await page.mouse.move(0, 0);
  assert.equal(await legend.innerText(), 'In the hour');

  await page.getByText('Answers as a table').click();
  assert.match(await page.locator('#answers-table tbody').innerText(), /^\d\d:\d\d\t0\t0\t7\t0\t0$/);

  assert.deepEqual(
    browser.requests.filter((url) => !url.startsWith(`http://${daemon.metricsAddress}/`)),
    [],
  );
  assert.deepEqual(browser.complaints, []);
});

test('an outage of Tor shows within five seconds, though nobody asks for a name, and so does its end', async () => {
  await using fixture = await open();
  await using resources = new AsyncDisposableStack();
  const { page, socks, upstream } = fixture;
  const { address } = socks;
  assert.ok(address.kind === 'tcp');
  await socks[Symbol.asyncDispose]();
  await sentence(page, "Not working: Tor's SOCKS port does not answer; start tor");
  assert.equal(await page.title(), 'Not working – dns4tor');
  await page.locator('#upstreams', { hasText: 'Not reachable' }).waitFor({ timeout: SEEN_MS });
  await page.locator('#errors', { hasText: 'tor_unreachable' }).waitFor({ timeout: SEEN_MS });
  resources.use(await startSocksDouble({ target: upstream, port: address.port }));
  await sentence(page, WORKING);
});

test('a daemon that hangs or has ended shows as such, and one that goes on is followed again', async () => {
  await using fixture = await open();
  const { page, daemon } = fixture;
  daemon.process.pause();
  await sentence(page, 'dns4tor itself does not answer');
  daemon.process.resume();
  await sentence(page, WORKING);
  await daemon.process.kill();
  await sentence(page, 'dns4tor itself does not answer');
  assert.equal(await page.title(), 'No answer – dns4tor');
});

test('nobody is kept out: by light or dark, on a phone, with a keyboard alone', async () => {
  await using fixture = await open();
  const { page, socks, ask } = fixture;
  await ask(3);
  for (const details of await page.locator('summary').all()) await details.click();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await waitUntil(`the plots are ${colorScheme}`, SEEN_MS, () => hasColor(page, UPSTREAM_COLORS[colorScheme]));
    assert.deepEqual(await violations(page), [], colorScheme);
  }

  await page.setViewportSize(PHONE);
  const overhang = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
  assert.equal(await page.evaluate(overhang), 0);

  // From the top.
  await page.locator('h1').click();
  const reached: string[] = [];
  for (let presses = 0; presses < 7; presses++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate('document.activeElement.textContent.trim().split("\\n", 1)[0].slice(0, 20)'));
  }
  assert.deepEqual(
    reached.map((text) => text.replace(/^minute from.*/, 'table')),
    ['Answers as a table', 'table', 'Times as a table', 'table', 'api/status', 'metrics', 'ready'],
  );
  await page.getByText('Times as a table').focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#latency-table').isVisible(), false);

  await socks[Symbol.asyncDispose]();
  await sentence(page, 'Not working');
  assert.equal(await page.evaluate(overhang), 0);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], `${colorScheme}, in an outage`);
  }
});
