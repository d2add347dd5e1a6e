import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { startMetricsServer } from '../../src/http/metrics-server.ts';
import { REBOUND_HOST, startChromium } from '../fixtures/browser.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { reservePort } from '../fixtures/process/reserve-port.ts';

const SECRET = 'dns4tor_secret 1';

/** What a script can change about a request: the headers that the Fetch standard lets it set, and the referrer. */
const DISGUISES = [
  '{}',
  `{ headers: { 'Accept-Language': '', Accept: 'text/plain' }, referrerPolicy: 'no-referrer', credentials: 'omit' }`,
  `{ headers: { 'Accept-Language': '*', 'User-Agent': 'Prometheus/2' }, referrerPolicy: 'no-referrer', mode: 'same-origin' }`,
];

test('a website that rebinds its name to this machine reads nothing in a real browser, whatever its script does', async () => {
  await using reserved = await reservePort();
  const { port } = reserved;
  const origin = `http://${REBOUND_HOST}:${port}`;
  await reserved.release();
  const website = createServer((_, response) => response.end(SECRET)).listen(port, '127.0.0.1');
  await once(website, 'listening');
  await using chromium = await startChromium();
  await using browser = await chromium.openProfile();
  const page = await browser.context.newPage();
  const ask = (path: string, disguise: string): Promise<{ status: number; body: string }> =>
    page.evaluate(
      `fetch('${path}', ${disguise}).then(async (answer) => ({ status: answer.status, body: await answer.text() }))`,
    );
  await page.goto(origin);
  // Until the name is rebound, the script reads what is there.
  for (const disguise of DISGUISES) assert.deepEqual(await ask('/', disguise), { status: 200, body: SECRET });
  website.closeAllConnections();
  website.close();
  await once(website, 'close');

  await using server = await startMetricsServer({
    endpoint: { kind: 'tcp', host: '127.0.0.1', port },
    exposition: { contentType: 'text/plain', render: async () => SECRET },
    ready: async () => ({ ready: true, state: 'working', detail: SECRET }),
    status: () => ({ state: SECRET }),
    readPageFile: async () => ({ contentType: 'text/html', body: Buffer.from(SECRET) }),
    clock: new ManualClock(),
    onError: (error) => assert.fail(error),
  });
  assert.ok(server.isTcp);
  for (const path of ['/metrics', '/ready', '/healthcheck', '/api/status', '/']) {
    for (const disguise of DISGUISES) {
      const { status, body } = await ask(path, disguise);
      assert.equal(status, 403, `${path} ${disguise}`);
      assert.ok(!body.includes(SECRET));
    }
    const tab = await browser.context.newPage();
    assert.equal((await tab.goto(`${origin}${path}`))?.status(), 403, path);
  }
});
