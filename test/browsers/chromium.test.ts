import { startChromium } from './chromium.ts';
import { testBrowser } from './suite.ts';

testBrowser({
  name: 'Chromium',
  start: startChromium,
  policies: ({ certificate, siteAuthority }) => certificate.chromiumPolicies(siteAuthority),
});
