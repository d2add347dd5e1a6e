import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { madeUpHour } from '../../scripts/screenshots/hour.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { type Chromium, startChromium } from '../fixtures/browser.ts';
import { serveStatus } from './made-up-status.ts';

/** From the request until the plots are drawn. */
const SEEN_MS = 5000;
const HEIGHT = 640;
/** A phone and a desktop. */
const WIDTHS = [360, 760];
/** A second in which a mark of the axis falls onto the end of the plot. */
const END_EPOCH_MS = Date.UTC(2026, 0, 2, 20, 0, 0);
/** With a whole minute, any distance between marks meets the end. */
const MINUTES = [1, 3, 20, 40, 60];

let chromium: Chromium;
before(async () => {
  chromium = await startChromium();
});
after(() => chromium[Symbol.asyncDispose]());

/** A label of an axis, as it was drawn. */
interface Label {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly canvasWidth: number;
}

/** Records the text that is drawn on canvases. */
const RECORD_LABELS = `{
  globalThis.labels = [];
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const { width } = this.measureText(text);
    const shift = { center: width / 2, right: width, end: width }[this.textAlign] ?? 0;
    const { a, e } = this.getTransform();
    const left = a * (x - shift) + e;
    labels.push({ text, left, right: left + a * width, canvasWidth: this.canvas.width });
    return fillText.call(this, text, x, y);
  };
}`;

/** A made-up hour of a daemon that started some minutes before {@link END_EPOCH_MS}. */
function hourOf(count: number): StatusSnapshot {
  const snapshot = madeUpHour(false);
  const start = END_EPOCH_MS - count * 60_000;
  const minutes = snapshot.lastHour.minutes
    .slice(-count)
    .map((minute, index) => ({ ...minute, startedAtEpochMs: start + index * 60_000 }));
  return { ...snapshot, lastHour: { ...snapshot.lastHour, minutes } };
}

/** Calls back with the page of a daemon that started some minutes ago. */
async function withPage(count: number, width: number, use: (page: Page) => Promise<void>): Promise<void> {
  await using server = await serveStatus(() => hourOf(count));
  await using browser = await chromium.openProfile({ timezoneId: 'UTC', viewport: { width, height: HEIGHT } });
  const page = await browser.context.newPage();
  await page.addInitScript(RECORD_LABELS);
  await page.goto(`http://${server.address}/`);
  await page.locator('#latency-plot canvas').waitFor({ timeout: SEEN_MS });
  await page.waitForFunction('labels.length > 0', undefined, { timeout: SEEN_MS });
  await use(page);
  assert.deepEqual(browser.complaints, []);
}

test('no label of an axis is cut off, and the plots begin with the start of dns4tor', async () => {
  for (const count of MINUTES) {
    for (const width of WIDTHS) {
      await withPage(count, width, async (page) => {
        const labels = await page.evaluate<readonly Label[]>('labels');
        const where = `${count} minutes, ${width} pixels`;
        for (const { text, left, right, canvasWidth } of labels) {
          assert.ok(left >= 0 && right <= canvasWidth, `${where}: ${text} from ${left} to ${right} of ${canvasWidth}`);
        }
        const times = labels.map(({ text }) => text).filter((text) => /^\d\d:\d\d$/.test(text));
        assert.ok(times.length > 0, where);
        const start = new Date(END_EPOCH_MS - count * 60_000).toISOString().slice(11, 16);
        assert.ok(
          times.every((time) => time >= start),
          `${where}: ${times.join(' ')}`,
        );
      });
    }
  }
});

test('the first minute is a bar of a tenth of the plot, and the pointer finds nothing after it', async () => {
  await withPage(1, 760, async (page) => {
    const legend = page.locator('#answers-legend .when');
    const plot = await page.locator('#answers-plot .u-over').boundingBox();
    assert.ok(plot !== null);
    const pointAt = (share: number): Promise<void> =>
      page.mouse.move(plot.x + share * plot.width, plot.y + plot.height / 2);
    await pointAt(0.05);
    assert.equal(await legend.innerText(), 'At 19:59');
    await pointAt(0.5);
    assert.equal(await legend.innerText(), 'Last hour');
    const widths = await page.evaluate<readonly number[]>(`(() => {
      const canvas = document.querySelector('#answers-plot canvas');
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const color = [0x86, 0xa9, 0xcf];
      const columns = new Set();
      for (let i = 0; i < pixels.data.length; i += 4) {
        if (color.every((value, channel) => pixels.data[i + channel] === value)) columns.add((i / 4) % canvas.width);
      }
      return [columns.size, canvas.width];
    })()`);
    const [bar = 0] = widths;
    assert.ok(bar > 0.07 * plot.width && bar < 0.1 * plot.width, `${bar} of ${plot.width}`);
  });
});
