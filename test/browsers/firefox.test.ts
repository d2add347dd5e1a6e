import { startFirefox } from './firefox.ts';
import { testBrowser } from './suite.ts';

testBrowser({
  name: 'Firefox',
  start: startFirefox,
  policies: ({ certificate, siteAuthority }) => certificate.firefoxPolicies(siteAuthority),
});
