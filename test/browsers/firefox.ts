import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanEnvironment } from '../fixtures/process/daemon.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type Browser, type Visit, WINDOW } from './browser.ts';
import type { BrowserLab } from './lab/lab.ts';
import { Marionette, MarionetteError } from './marionette.ts';

const START_TIMEOUT_MS = 60_000;
/** Height of what the window has above the page. */
const TOOLBARS = 85;

/** Preferences, beside those of the policies. */
const PREFERENCES = `// Otherwise Marionette turns off Firefox's own checks of the network, such as that for a captive portal.
user_pref("remote.prefs.recommended", false);
// Firefox tries HTTPS before HTTP. The tests are about what it does because of HTTPS records.
user_pref("dom.security.https_first", false);
// Pages that open at the first start.
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
`;

interface DrivenFirefox extends AsyncDisposable {
  readonly driver: Marionette;
}

/**
 * Starts Debian's Firefox ESR without a window, with an empty profile, and with the policies in /etc.
 *
 * @param args further arguments of its command line
 */
export async function driveFirefox(
  { namespace, marionette }: BrowserLab,
  ...args: readonly string[]
): Promise<DrivenFirefox> {
  await using resources = new AsyncDisposableStack();
  const { path: home } = resources.use(await createTemporaryDirectory());
  const profile = join(home, 'profile');
  await mkdir(profile);
  await writeFile(join(profile, 'user.js'), PREFERENCES);
  const [program, ...command] = [...namespace.via, await findProgram('firefox-esr')];
  const options = ['--headless', '--no-remote', '--marionette', '--profile', profile];
  const size = ['--width', String(WINDOW.width), '--height', String(WINDOW.height + TOOLBARS)];
  const firefox = resources.use(
    await startProcess(program, [...command, ...options, ...size, ...args], {
      cwd: home,
      env: { ...cleanEnvironment(), HOME: home, TMPDIR: home },
    }),
  );
  let driver: Marionette | undefined;
  await firefox.waitUntil('Firefox takes commands', START_TIMEOUT_MS, async () => {
    driver = await Marionette.open(marionette).catch(() => undefined);
    return driver !== undefined;
  });
  if (driver === undefined) throw new Error('Firefox takes no commands');
  resources.use(driver);
  const running = resources.move();
  return { driver, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** {@link driveFirefox} as a browser of the lab. */
export async function startFirefox(lab: BrowserLab): Promise<Browser> {
  const firefox = await driveFirefox(lab);
  const { driver } = firefox;
  const evaluate = (expression: string): Promise<unknown> => driver.evaluate(`return ${expression}`);
  return {
    evaluate,
    async open(url) {
      try {
        await driver.call('WebDriver:Navigate', { url });
      } catch (error) {
        if (error instanceof MarionetteError) return { error: error.message };
        throw error;
      }
      return (await evaluate('({ url: location.href, text: document.body.innerText })')) as Visit;
    },
    screenshot: () => driver.screenshot(),
    [Symbol.asyncDispose]: () => firefox[Symbol.asyncDispose](),
  };
}
