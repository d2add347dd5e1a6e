import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { madeUpHour } from '../../scripts/screenshots/hour.ts';
import { failureKind } from '../../src/failures/failures.ts';
import { MAX_WATCHERS } from '../../src/http/event-stream.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { type BrowserProfile, type Chromium, startChromium } from '../fixtures/browser.ts';
import { type DaemonBehindDouble, startBehindDouble } from '../fixtures/dns/behind-double.ts';
import { UdpClient } from '../fixtures/dns/udp-client.ts';
import { startDaemon } from '../fixtures/process/daemon.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { GOOD } from '../protocol/upstream-messages.ts';
import { startSocksDouble } from '../tor/socks-double.ts';
import { serveStatus } from './made-up-status.ts';

/** From an event until the page shows it. */
const SEEN_MS = 5000;
const WORKING = 'Working: names are resolved through Tor.';
/** By how many pixels the page is wider than its window. */
const OVERHANG = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const PHONE = { width: 360, height: 640 } as const;

/** `--upstream` of style.css: the colour of answers from the resolver. */
const UPSTREAM_COLORS = { light: [0x6b, 0x4f, 0xa0], dark: [0xa9, 0x8e, 0xe6] } as const;

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let chromium: Chromium;
before(async () => {
  chromium = await startChromium();
});
after(() => chromium[Symbol.asyncDispose]());

interface Fixture extends AsyncDisposable, DaemonBehindDouble {
  readonly browser: BrowserProfile;
  readonly page: Page;
  /** Queries this many new names. */
  readonly ask: (names: number) => Promise<void>;
}

/** Opens the status page of a new dns4tor once it works. */
async function open(): Promise<Fixture> {
  await using resources = new AsyncDisposableStack();
  const behind = resources.use(await startBehindDouble(GOOD, '--circuits', '3'));
  const client = resources.use(await UdpClient.open(behind.daemon.port));
  const browser = resources.use(await chromium.openProfile());
  await behind.daemon.answers();
  const page = await browser.context.newPage();
  await page.goto(`http://${behind.daemon.metricsAddress}/`);
  await headline(page, WORKING);
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

/** Resolves when the page shows the text. */
async function headline(page: Page, text: string, timeout: number = SEEN_MS): Promise<void> {
  await page.locator('#headline', { hasText: text }).waitFor({ timeout });
}

/** What a screen reader announced. */
function heard(page: Page): Promise<readonly string[]> {
  return page.evaluate('globalThis.heard');
}

/** Starts recording what a screen reader announces. */
async function listen(page: Page): Promise<void> {
  await page.evaluate(`{
    globalThis.heard = [];
    for (const element of document.querySelectorAll('[role=status], [role=alert], [aria-live]')) {
      const options = { childList: true, characterData: true, subtree: true };
      new MutationObserver(() => heard.push(element.textContent)).observe(element, options);
    }
  }`);
}

function foreign({ requests }: BrowserProfile, address: string): readonly string[] {
  return requests.filter((url) => !url.startsWith(`http://${address}/`));
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

/** The accessibility violations that axe-core finds, with their elements. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations: found } = await page.evaluate<{
    violations: { impact: string; help: string; nodes: { html: string }[] }[];
  }>('axe.run()');
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ help, nodes }) => nodes.map(({ html }) => `${help}: ${html}`));
}

test('the page shows the status, follows events, requests nothing from elsewhere, and logs no error', async () => {
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
  assert.equal(await legend.innerText(), 'Last hour');
  const plot = await page.locator('#answers-plot .u-over').boundingBox();
  assert.ok(plot !== null);
  await page.mouse.move(plot.x + 8, plot.y + plot.height / 2);
  assert.match(await legend.innerText(), /^At \d\d:\d\d$/);
  await page.mouse.move(0, 0);
  assert.equal(await legend.innerText(), 'Last hour');

  await page.getByText('Answers as a table').click();
  await page.locator('#answers-table tbody tr').first().waitFor({ timeout: SEEN_MS });
  assert.match(await page.locator('#answers-table tbody').innerText(), /^\d\d:\d\d\t0\t0\t7\t0\t0$/);

  assert.deepEqual(foreign(browser, daemon.metricsAddress), []);
  assert.deepEqual(browser.complaints, []);
});

test('an outage of Tor and its end show within five seconds, even without queries', async () => {
  await using fixture = await open();
  await using resources = new AsyncDisposableStack();
  const { page, browser, daemon, socks, upstream } = fixture;
  const { address } = socks;
  assert.ok(address.kind === 'tcp');
  await listen(page);
  await socks[Symbol.asyncDispose]();
  await headline(page, `Not working: ${failureKind('ERR_TOR_UNREACHABLE').problem}.`);
  assert.equal(await page.title(), 'Not working – dns4tor');
  await page.locator('#upstreams', { hasText: 'Not reachable' }).waitFor({ timeout: SEEN_MS });
  await page.locator('#errors', { hasText: 'tor_unreachable' }).waitFor({ timeout: SEEN_MS });
  resources.use(await startSocksDouble({ target: upstream, port: address.port }));
  await headline(page, WORKING);
  const announced = await heard(page);
  assert.equal(announced.at(-1), WORKING);
  // On a busy machine, the lost connection is noticed before the missing Tor: two reasons, each announced once.
  const outage = announced.slice(0, -1);
  assert.ok(outage.length >= 1 && outage.length <= 2, announced.join('\n'));
  assert.equal(new Set(outage).size, outage.length);
  for (const text of outage) assert.match(text, /^Not working: /);
  assert.deepEqual(foreign(browser, daemon.metricsAddress), []);
  assert.deepEqual(browser.complaints, []);
});

test('a tor that hangs without closing connections shows within five seconds, and so does its recovery', async () => {
  await using fixture = await open();
  const { page, socks } = fixture;
  socks.stall();
  await headline(page, 'no answer has come through Tor');
  assert.equal(await page.title(), 'Degraded – dns4tor');
  assert.doesNotMatch(await page.locator('#tor-state').innerText(), /\bconnected\b/);
  socks.resume();
  await headline(page, WORKING);
});

test('a daemon that hangs or ends is shown as such, and one that continues is followed again', async () => {
  await using fixture = await open();
  const { page, browser, daemon } = fixture;
  daemon.process.pause();
  await headline(page, 'dns4tor itself does not answer');
  daemon.process.resume();
  await headline(page, WORKING);
  await daemon.process.kill();
  await headline(page, 'dns4tor itself does not answer');
  assert.equal(await page.title(), 'No answer – dns4tor');
  assert.deepEqual(foreign(browser, daemon.metricsAddress), []);
  // The browser itself reports each failed connection.
  for (const complaint of browser.complaints) assert.match(complaint, /^Failed to load resource: net::ERR_/);
});

test('a daemon that restarts at the same address is followed again', async () => {
  await using resources = new AsyncDisposableStack();
  const start = (metrics: string) => startDaemon(['--tor-socks', '127.0.0.1:1', '--metrics', metrics]);
  const first = resources.use(await start('127.0.0.1:0'));
  const browser = resources.use(await chromium.openProfile());
  const page = await browser.context.newPage();
  await page.goto(`http://${first.metricsAddress}/`);
  await headline(page, 'Not working');
  await first.process.kill();
  await headline(page, 'dns4tor itself does not answer');
  resources.use(await start(first.metricsAddress));
  await headline(page, 'Not working');
});

test('if there are too many watchers, the page polls instead', async () => {
  await using resources = new AsyncDisposableStack();
  let uptimeSeconds = 0;
  const server = resources.use(await serveStatus(() => ({ ...madeUpHour(false), uptimeSeconds: ++uptimeSeconds })));
  const watchers = Array.from({ length: MAX_WATCHERS }, () => get(`http://${server.address}/api/events`));
  resources.defer(() => {
    for (const watcher of watchers) watcher.destroy();
  });
  await Promise.all(watchers.map((watcher) => once(watcher, 'response')));
  const browser = resources.use(await chromium.openProfile());
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await headline(page, WORKING);
  const seen = await page.locator('#identity').innerText();
  await waitUntil('the page updates', SEEN_MS, async () => (await page.locator('#identity').innerText()) !== seen);
});

test('the page gives up a connection that hangs while the browser reconnects', async () => {
  await using resources = new AsyncDisposableStack();
  const first = await serveStatus(() => madeUpHour(false));
  const browser = resources.use(await chromium.openProfile());
  const page = await browser.context.newPage();
  await page.goto(`http://${first.address}/`);
  await headline(page, WORKING);
  const port = Number(new URL(`http://${first.address}`).port);
  await first[Symbol.asyncDispose]();
  const hung = createServer((socket) => resources.defer(() => void socket.destroy()));
  resources.defer(() => void hung.close());
  hung.listen(port, '127.0.0.1');
  await once(hung, 'connection');
  // Accepted connections stay open.
  hung.close();
  resources.use(await serveStatus(() => madeUpHour(false), port));
  await headline(page, WORKING, 2 * SEEN_MS);
});

test('a screen reader announces changes of the state or its reason, not each bootstrap step', async () => {
  await using resources = new AsyncDisposableStack();
  let percent = 0;
  let changes: object = { state: 'starting', reason: null };
  const status = (): object => ({ ...madeUpHour(false), headline: `Tor is at ${++percent} %`, ...changes });
  const server = resources.use(await serveStatus(status));
  const browser = resources.use(await chromium.openProfile());
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await headline(page, 'Tor is at');
  await listen(page);
  const seen = await page.locator('#headline').innerText();
  await waitUntil(
    'the bootstrap proceeds',
    SEEN_MS,
    async () => (await page.locator('#headline').innerText()) !== seen,
  );
  for (const reason of ['tls', 'deadline']) {
    changes = { state: 'failing', reason, headline: `Not working: ${reason}`, remedy: 'Wait.' };
    await headline(page, reason);
  }
  assert.deepEqual(await heard(page), ['Not working: tls Wait.', 'Not working: deadline Wait.']);
});

test('while Tor is stuck, the remedy is below the headline, and no section says that anything is connected', async () => {
  await using resources = new AsyncDisposableStack();
  const trouble = { reason: 'tor_blocked', problem: 'the relays are out of reach', remedy: 'use --bridge' };
  const working = madeUpHour(false);
  let changes: object = {
    ...working,
    state: 'stuck',
    headline: 'Not working: the relays are out of reach.',
    remedy: 'Use --bridge, or run dns4tor pause 10m.',
    reason: trouble.reason,
    lastAnswerSecondsAgo: null,
    tor: { ...working.tor, state: 'stuck', bootstrapPercent: 5, bootstrapSummary: 'Connecting', trouble },
    upstreams: working.upstreams.map((upstream) => ({
      ...upstream,
      sentence: 'use another one',
      circuits: [{ slot: 0, state: 'connecting', responseTimeMs: null, inFlight: 0 }],
    })),
  };
  const server = resources.use(await serveStatus(() => ({ ...working, ...changes })));
  const browser = resources.use(await chromium.openProfile({ viewport: PHONE }));
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await headline(page, 'the relays are out of reach');
  const remedy = page.locator('#remedy');
  assert.deepEqual(await remedy.locator('code').allInnerTexts(), ['--bridge', 'dns4tor pause 10m']);
  const [above, below] = await Promise.all([page.locator('#headline').boundingBox(), remedy.boundingBox()]);
  assert.ok(above !== null && below !== null && below.y >= above.y + above.height);
  assert.equal(await page.locator('#verdict').getAttribute('data-state'), 'stuck');
  assert.match(await page.locator('#tor-state').innerText(), /5 %: Connecting/);
  // The headline has said it.
  assert.equal(await page.locator('#tor-trouble').isVisible(), false);
  for (const section of ['#tor-state', '#upstreams'])
    assert.doesNotMatch(
      await page.locator(section).innerText(),
      /\bconnected\b|\breachable\b|use another one/i,
      section,
    );
  assert.equal(await page.evaluate(OVERHANG), 0);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], colorScheme);
  }

  // Names are still resolved over older circuits.
  changes = { ...changes, state: 'working', headline: WORKING, remedy: null, reason: null };
  await headline(page, WORKING);
  assert.equal(await remedy.isVisible(), false);
  assert.match(await page.locator('#tor-trouble').innerText(), /the relays are out of reach.*--bridge/i);
});

test('the page names the encrypted listeners and the expiry of their certificate, if there are any', async () => {
  await using resources = new AsyncDisposableStack();
  const hour = madeUpHour(false);
  const urls = ['dns://192.168.1.5:53', `https://[2001:db8::${'1234:'.repeat(4)}1]:443/dns-query`];
  const certificateExpiresAtEpochMs = hour.atEpochMs + 273_784_000;
  const { remedy = '' } = failureKind('ERR_CERTIFICATE_EXPIRED');
  const encrypted = { ...hour, remedy, listening: { ...hour.listening, urls, certificateExpiresAtEpochMs } };
  let isEncrypted = false;
  const server = resources.use(await serveStatus(() => (isEncrypted ? encrypted : hour)));
  const browser = resources.use(await chromium.openProfile({ viewport: PHONE }));
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await headline(page, WORKING);
  const section = page.locator('#clients');
  assert.equal(await section.isVisible(), false);

  isEncrypted = true;
  await section.waitFor();
  const text = await section.innerText();
  for (const part of [...urls, '3 d 4 h']) assert.ok(text.includes(part), part);
  assert.deepEqual(await page.locator('#remedy code').allInnerTexts(), ['dns4tor certificate']);
  assert.equal(await page.evaluate(OVERHANG), 0);
  assert.deepEqual(await violations(page), []);
});

test('the page says where names of the machine go, once, and nothing where dns4tor was not installed', async () => {
  await using resources = new AsyncDisposableStack();
  const trouble = {
    reason: 'system_elsewhere',
    problem: 'resolv.conf names 192.0.2.1',
    remedy: 'run sudo dns4tor install',
  };
  const working = { ...madeUpHour(false), systemResolver: { state: 'not_installed', trouble: null } };
  const lost = { systemResolver: { state: 'elsewhere', trouble } };
  let changes: object = {};
  const server = resources.use(await serveStatus(() => ({ ...working, ...changes })));
  const browser = resources.use(await chromium.openProfile({ viewport: PHONE }));
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await headline(page, WORKING);
  const section = page.locator('#machine');
  const help = page.locator('#machine-trouble');
  assert.equal(await section.isVisible(), false);

  changes = { ...lost, state: 'stuck', reason: 'tor_blocked', headline: 'Not working: blocked.', remedy: null };
  await headline(page, 'blocked');
  assert.match(await help.innerText(), /192\.0\.2\.1/);
  assert.deepEqual(await help.locator('code').allInnerTexts(), ['sudo dns4tor install']);
  assert.equal(await page.evaluate(OVERHANG), 0);
  assert.deepEqual(await violations(page), []);

  changes = { ...lost, state: 'degraded', reason: trouble.reason, headline: 'Working, but elsewhere.', remedy: null };
  await headline(page, 'elsewhere');
  assert.equal(await section.isVisible(), true);
  assert.equal(await help.isVisible(), false);
});

test('after an upgrade of dns4tor, the page reloads once', async () => {
  await using resources = new AsyncDisposableStack();
  let changes: object = {};
  const server = resources.use(await serveStatus(() => ({ ...madeUpHour(false), ...changes })));
  const browser = resources.use(await chromium.openProfile());
  const page = await browser.context.newPage();
  const url = `http://${server.address}/`;
  await page.goto(url);
  const loads = (): number => browser.requests.filter((requested) => requested === url).length;
  await headline(page, WORKING);
  changes = { version: '9.9.9' };
  await page.locator('#identity', { hasText: 'version 9.9.9' }).waitFor({ timeout: SEEN_MS });
  assert.equal(loads(), 2);
  changes = { version: '10.0.0', format: 2 };
  await page.locator('#remedy', { hasText: 'Reload the page' }).waitFor({ timeout: SEEN_MS });
  assert.equal(loads(), 3);
  assert.deepEqual(browser.complaints, []);
});

test('the list of errors is not redrawn without changes, and a disabled cache has no meter', async () => {
  await using resources = new AsyncDisposableStack();
  const snapshot = { ...madeUpHour(false), errors: [], cache: { entries: 0, bytes: 0, maxBytes: 0 } };
  let uptimeSeconds = 0;
  const server = resources.use(await serveStatus(() => ({ ...snapshot, uptimeSeconds: ++uptimeSeconds })));
  const browser = resources.use(await chromium.openProfile());
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await page.locator('#errors', { hasText: 'Nothing.' }).waitFor({ timeout: SEEN_MS });
  assert.equal(await page.locator('#cache-meter').isVisible(), false);
  await page.evaluate("document.querySelector('#errors li').dataset.seen = ''");
  const identity = await page.locator('#identity').innerText();
  await waitUntil('the page updates', SEEN_MS, async () => (await page.locator('#identity').innerText()) !== identity);
  assert.equal(await page.locator('#errors li[data-seen]').count(), 1);
});

test('the page is accessible in light and dark, on a phone, and with only a keyboard', async () => {
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
  assert.equal(await page.evaluate(OVERHANG), 0);

  // Start at the top.
  await page.locator('h1').click();
  const reached: string[] = [];
  for (let presses = 0; presses < 7; presses++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate('document.activeElement.textContent.trim().split("\\n", 1)[0].slice(0, 40)'));
  }
  assert.deepEqual(
    reached.map((text) => text.replace(/^minute.*/, 'table')),
    ['Answers as a table', 'table', 'Response times as a table', 'table', 'api/status', 'metrics', 'ready'],
  );
  await page.getByText('Response times as a table').focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#latency-table').isVisible(), false);

  await socks[Symbol.asyncDispose]();
  await headline(page, 'Not working');
  assert.equal(await page.evaluate(OVERHANG), 0);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), [], `${colorScheme}, in an outage`);
  }
});

test('the routes are listed with the reason why a server fails, and hidden without routes', async () => {
  await using resources = new AsyncDisposableStack();
  const servers = [{ server: '192.168.1.1:53', reason: 'route_timeout', sentence: 'it does not answer' }];
  let routes: StatusSnapshot['routes'] = [];
  const server = resources.use(await serveStatus(() => ({ ...madeUpHour(false), routes })));
  const browser = resources.use(await chromium.openProfile());
  const page = await browser.context.newPage();
  await page.goto(`http://${server.address}/`);
  await headline(page, WORKING);
  const section = page.locator('#routes');
  assert.equal(await section.isVisible(), false);
  routes = [{ route: 'lan', servers }];
  await section.getByText('lan to 192.168.1.1:53').waitFor({ timeout: SEEN_MS });
  await section.getByText('192.168.1.1:53: it does not answer.').waitFor({ timeout: SEEN_MS });
});
