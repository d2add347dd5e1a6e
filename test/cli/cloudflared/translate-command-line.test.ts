import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TUNNEL_FLAGS } from '../../../src/cli/cloudflared/cloudflared-flags.ts';
import {
  ignoredTunnelVariables,
  takeIgnoredFlags,
  translateCommandLine,
} from '../../../src/cli/cloudflared/translate-command-line.ts';

const COMMANDS = ['proxy-dns', 'check', 'query', 'install'];

function translate(line: string, env: Readonly<Record<string, string>> = {}): string {
  return translateCommandLine(line.split(' '), env, COMMANDS).join(' ');
}

for (const [line, expected] of [
  ['proxy-dns --port 5053', 'proxy-dns --port 5053'],
  ['--no-autoupdate proxy-dns --port 5053', 'proxy-dns --no-autoupdate --port 5053'],
  ['-no-autoupdate proxy-dns -port 5053', 'proxy-dns --no-autoupdate -port 5053'],
  ['proxy-dns -edge-ip-version auto', 'proxy-dns --edge-ip-version auto'],
  ['--loglevel debug --pidfile /run/x.pid proxy-dns', 'proxy-dns --loglevel=debug --pidfile=/run/x.pid'],
  ['--logfile=/var/log/x proxy-dns', 'proxy-dns --logfile=/var/log/x'],
  ['--config proxy-dns proxy-dns --check', 'proxy-dns --config=proxy-dns --check'],
  ['--config /etc/x.toml check --json', 'check --config=/etc/x.toml --json'],
  ['tunnel --proxy-dns', 'proxy-dns'],
  ['tunnel --proxy-dns=true --proxy-dns-port 5053', 'proxy-dns --port=5053'],
  [
    '--no-autoupdate tunnel --metrics :0 --proxy-dns --proxy-dns-address 0.0.0.0 --proxy-dns-upstream a --proxy-dns-upstream b',
    'proxy-dns --no-autoupdate --metrics=:0 --address=0.0.0.0 --upstream=a --upstream=b',
  ],
  ['tunnel proxy-dns --port 5053', 'proxy-dns --port 5053'],
  ['--proxy-dns --proxy-dns-max-upstream-conns 0', 'proxy-dns --max-upstream-conns=0'],
  ['tunnel --proxy-dns --check', 'proxy-dns --check'],
  ['tunnel --proxy-dns --prot 5053', 'proxy-dns --prot 5053'],
  ['tunnel --config /etc/cloudflared/config.yml', 'proxy-dns --config=/etc/cloudflared/config.yml'],
  ['--no-autoupdate version', '--version'],
  ['--no-autoupdate --help', '--help'],
  // Not cloudflared's: commander reports them.
  ['--dry-run install', '--dry-run install'],
  ['--no-autoupdate isntall', '--no-autoupdate isntall'],
  ['query -p 5053 tunnel', 'query -p 5053 tunnel'],
] as const) {
  test(`${line} means ${expected}`, () => assert.equal(translate(line), expected));
}

test('TUNNEL_DNS makes a tunnel a DNS proxy, and the flag overrides it', () => {
  assert.equal(translate('tunnel --proxy-dns-port 53', { TUNNEL_DNS: 'true' }), 'proxy-dns --port=53');
  assert.throws(() => translate('tunnel --proxy-dns=false', { TUNNEL_DNS: 'true' }), { code: 'ERR_CONFIG' });
});

test('a command line that starts a tunnel is refused', () => {
  for (const line of ['tunnel', 'tunnel run', 'tunnel run --proxy-dns x', 'tunnel --proxy-dns run', 'tunnel login']) {
    assert.throws(() => translate(line), { code: 'ERR_CONFIG' }, line);
  }
  for (const { name, takesValue } of TUNNEL_FLAGS) {
    const flag = takesValue ? `--${name} x` : `--${name}`;
    assert.throws(() => translate(`tunnel --proxy-dns ${flag}`), { code: 'ERR_CONFIG' }, name);
    assert.throws(() => translate(`${flag} proxy-dns`), { code: 'ERR_CONFIG' }, name);
  }
});

test('ignored flags are taken out with their values, and each is named once, without its value', () => {
  const words = ['--no-autoupdate', '--tag', 'a=b', '--tag=c=d', 'stray', '--edge', '--chek'];
  assert.deepEqual(takeIgnoredFlags(words), {
    ignored: ['--no-autoupdate', '--tag', '--edge'],
    words: ['stray'],
  });
});

test("variables that are not recognisably cloudflared's are not reported, and no value is", () => {
  const env = { TUNNEL_TOKEN: 'secret', NO_AUTOUPDATE: '1', TUNNEL_DNS_PORT: '53', S3_URL: 'x', TUNNEL_EDGE: '' };
  assert.deepEqual(ignoredTunnelVariables(env).toSorted(), ['NO_AUTOUPDATE', 'TUNNEL_TOKEN']);
});
