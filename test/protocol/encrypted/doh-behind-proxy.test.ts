import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { LOCALHOST, METRICS, startHandedOver } from '../handed-over.ts';
import { startLab } from '../lab.ts';
import { dohTarget } from './honest-clients.ts';

/*
 * A reverse proxy in front of --doh-plain, as docs/doh-behind-a-proxy.md sets it up: nginx speaks HTTP/1.1 to dns4tor,
 * haproxy HTTP/2.
 */

const SERVER = '127.0.0.1';
const PAGE = await readFile(new URL('../../../docs/doh-behind-a-proxy.md', import.meta.url), 'utf8');

const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const directory = resources.use(await createTemporaryDirectory());
const at = (name: string): string => join(directory.path, name);
const authority = resources.use(await createCertificateAuthority());
const { certificatePath, keyPath } = await authority.issue([SERVER]);
const both = at('both.pem');
await writeFile(both, (await readFile(certificatePath, 'utf8')) + (await readFile(keyPath, 'utf8')), { mode: 0o600 });
resources.use(await startLab('--doh-plain', `unix:${at('doh')}`));

/** The example for a program in the documentation, with the paths and the address of this test. */
function example(program: string, port: number): string {
  const text =
    new RegExp(`\`\`\`${program}\\n([^]*?)\`\`\``).exec(PAGE)?.[1] ?? assert.fail(`no example for ${program}`);
  return text
    .replaceAll('/run/dns4tor/doh', at('doh'))
    .replaceAll('/etc/ssl/dns.pem', certificatePath)
    .replaceAll('/etc/ssl/dns.key', keyPath)
    .replaceAll('/etc/haproxy/dns.pem', both)
    .replaceAll(/(listen|bind) \S*443/g, `$1 ${SERVER}:${port}`);
}

async function start(program: string, config: string, args: readonly string[]): Promise<void> {
  const path = at(`${basename(program)}.conf`);
  await writeFile(path, config);
  resources.use(await startProcess(program, [...args, path]));
}

async function startNginx(port: number): Promise<void> {
  await mkdir(at('nginx'));
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${at(`nginx/${name}`)};`,
  );
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const main = `daemon off; pid ${at('nginx/pid')}; error_log stderr; ${user} events {}`;
  await start(
    await findProgram('nginx'),
    `${main} http { access_log off; ${folders.join(' ')} ${example('nginx', port)} }`,
    ['-e', 'stderr', '-c'],
  );
}

async function startHaproxy(port: number): Promise<void> {
  await start(await findProgram('haproxy'), example('haproxy', port), ['-db', '-f']);
}

for (const [proxy, begin] of [
  ['nginx', startNginx],
  ['haproxy', startHaproxy],
] as const) {
  test(`through ${proxy}, kdig, curl and h2load get answers and status codes`, async () => {
    await using reservation = await reservePort();
    const { port } = reservation;
    await reservation.release();
    await begin(port);
    const patience = ['--retry', '20', '--retry-connrefused', '--retry-delay', '1'];
    const format = ['--output', '/dev/null', '--write-out', '%{http_code} %header{cache-control}'];
    const trust = ['--silent', '--cacert', authority.certificatePath];
    const curl = (target: string, ...flags: readonly string[]): Promise<string> =>
      runProgram('curl', [...trust, ...patience, ...format, ...flags, `https://${SERVER}:${port}${target}`]);
    const target = dohTarget(buildQuery({ name: `${proxy}.example` }));
    assert.equal(await curl(target), '200 max-age=300');
    for (const method of [[], ['+https-get']]) {
      const flags = ['+https', `+tls-ca=${authority.certificatePath}`, ...method];
      const { status, answer } = await kdig(`@${SERVER}`, '-p', String(port), ...flags, `${proxy}-kdig.example`);
      assert.equal(status, 'NOERROR');
      assert.equal(answer[0]?.data, '192.0.2.1');
    }
    const type = ['--header', 'Content-Type: text/plain', '--data-binary', 'x'];
    assert.match(await curl('/dns-query'), /^400 /);
    assert.match(await curl('/dns-query', ...type), /^415 /);
    assert.match(await curl('/dns-query', '--request', 'PUT'), /^405 /);
    assert.match(await curl(target, '--header', 'Origin: https://example.com'), /^403 /);
    const load = ['-n', '2000', '-c', '4', '-m', '20', `https://${SERVER}:${port}${target}`];
    assert.match(await runProgram('h2load', load), /status codes: 2000 2xx/);
  });
}

test('a proxy reaches a unix socket from the service manager', async () => {
  const path = at('handed-over');
  await using running = await startHandedOver([...LOCALHOST, METRICS, `doh-plain=unix=${path}`], { confined: true });
  const url = `http://any.example${dohTarget(buildQuery())}`;
  for (const version of ['--http1.1', '--http2-prior-knowledge']) {
    const status = ['--output', '/dev/null', '--write-out', '%{http_code}'];
    assert.equal(await runProgram('curl', ['--silent', version, '--unix-socket', path, ...status, url]), '200');
  }
  assert.match(running.daemon.process.output, /unix:fd=8/);
});
