import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { cleanEnvironment } from '../fixtures/process/daemon.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type Browser, WINDOW } from './browser.ts';
import type { BrowserLab } from './lab/lab.ts';

/** Its sandbox does not run as root. */
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--no-first-run'];

/** By which Playwright turns off what Chromium does on its own. */
const QUIETING_ARGUMENTS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-field-trial-config',
  '--disable-sync',
  '--metrics-recording-only',
];

/** Starts Debian's Chromium without a window, with an empty profile, and with the policies in /etc. */
export async function startChromium({ namespace }: BrowserLab): Promise<Browser> {
  await using resources = new AsyncDisposableStack();
  const { path: home } = resources.use(await createTemporaryDirectory());
  // Playwright starts one program, and talks to it through inherited pipes.
  const launcher = join(home, 'launcher');
  const command = [...namespace.via, await findProgram('chromium')];
  await writeFile(launcher, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(launcher, 0o700);
  const running = await chromium.launch({
    executablePath: launcher,
    headless: true,
    args: ARGUMENTS,
    ignoreDefaultArgs: QUIETING_ARGUMENTS,
    env: { ...cleanEnvironment(), HOME: home, TMPDIR: home },
  });
  resources.defer(() => running.close());
  const context = await running.newContext({ viewport: WINDOW });
  let page = await context.newPage();
  const owned = resources.move();
  return {
    async open(url) {
      // A page that fails is replaced by one about the error, which would interrupt what is opened next.
      await page.close();
      page = await context.newPage();
      try {
        await page.goto(url);
      } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) };
      }
      return page.evaluate('({ url: location.href, text: document.body.innerText })');
    },
    evaluate: (expression) => page.evaluate(expression),
    screenshot: () => page.screenshot(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
