// `npm run screenshots:browsers`: takes the pictures of Chromium and Firefox that the docs show, or takes them to the
// folder in the argument. Each browser is set to a running dns4tor and shows, on its own page for DNS, what it knows
// about a test site: addresses, and an HTTPS record with keys for Encrypted Client Hello. Nothing in them is made up.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startChromium } from '../../test/browsers/chromium.ts';
import { driveFirefox } from '../../test/browsers/firefox.ts';
import { type BrowserLab, startBrowserLab } from '../../test/browsers/lab/lab.ts';
import { HIDDEN } from '../../test/browsers/lab/places.ts';
import { installPolicies, type Policies } from '../../test/browsers/policies.ts';
import { waitUntil } from '../../test/fixtures/wait-until.ts';

const SHOWN_MS = 10_000;

interface Picture {
  readonly name: string;
  readonly policies: (lab: BrowserLab) => Promise<Policies>;
  readonly take: (lab: BrowserLab) => Promise<Uint8Array>;
}

const PICTURES: readonly Picture[] = [
  {
    name: 'doh-chromium',
    policies: ({ certificate, siteAuthority }) => certificate.chromiumPolicies(siteAuthority),
    async take(lab) {
      await using chromium = await startChromium(lab);
      await chromium.open('chrome://net-internals/#dns');
      const form = 'dns-view-dns-lookup';
      await chromium.evaluate(`document.getElementById('${form}-input').value = '${HIDDEN}'`);
      await chromium.evaluate(`document.getElementById('${form}-submit').click()`);
      await waitUntil('Chromium has the record', SHOWN_MS, async () =>
        String(await chromium.evaluate('document.body.innerText')).includes('ech_config_list'),
      );
      return await chromium.screenshot();
    },
  },
  {
    name: 'doh-firefox',
    policies: ({ certificate, siteAuthority }) => certificate.firefoxPolicies(siteAuthority),
    async take(lab) {
      await using firefox = await driveFirefox(lab, '--remote-allow-system-access', 'about:networking#dnslookuptool');
      const { driver } = firefox;
      const inPage = async (expression: string): Promise<unknown> => {
        await driver.call('Marionette:SetContext', { value: 'chrome' });
        const result = await driver.evaluate(
          `const { contentDocument } = gBrowser.selectedBrowser; return contentDocument.${expression}`,
        );
        await driver.call('Marionette:SetContext', { value: 'content' });
        return result;
      };
      await waitUntil('Firefox shows the page', SHOWN_MS, async () =>
        Boolean(
          await inPage(`getElementById('dnsLookupButton') !== null && contentDocument.readyState === 'complete'`),
        ),
      );
      await inPage(`getElementById('host').value = '${HIDDEN}'`);
      await inPage(`getElementById('dnsLookupButton').click()`);
      await waitUntil('Firefox has the record', SHOWN_MS, async () =>
        String(await inPage(`getElementById('https_rr_content').textContent`)).includes('echConfig'),
      );
      return await driver.screenshot();
    },
  },
];

const [given] = process.argv.slice(2);
const folder = given ?? fileURLToPath(new URL('../../docs/', import.meta.url));
await mkdir(folder, { recursive: true });
await using lab = await startBrowserLab();
for (const { name, policies, take } of PICTURES) {
  await using _ = await installPolicies(lab.namespace, await policies(lab));
  const path = join(folder, `${name}.png`);
  await writeFile(path, await take(lab));
  process.stdout.write(`${path}\n`);
}
