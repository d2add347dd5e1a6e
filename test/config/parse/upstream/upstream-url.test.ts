import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUpstreamUrl } from '../../../../src/config/parse/upstream/upstream-url.ts';

for (const [text, url] of [
  ['https://dns.example', 'https://dns.example/dns-query'],
  ['https://dns.example:8443', 'https://dns.example:8443/dns-query'],
  ['HTTPS://DNS.example:443', 'https://dns.example/dns-query'],
  ['https://[2001:db8::1]', 'https://[2001:db8::1]/dns-query'],
  ['https://dns.example/', 'https://dns.example/'],
  ['https://dns.example/.', 'https://dns.example/'],
  ['https://dns.example/q', 'https://dns.example/q'],
  ['tls://dns.example', 'tls://dns.example'],
] as const) {
  test(`${text} is ${url}: only an absent path is the usual one`, () => {
    const parsed = parseUpstreamUrl(text);
    assert.ok('value' in parsed);
    assert.equal(parsed.value.url, url);
  });
}
