import assert from 'node:assert/strict';
import { chmod, lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { failureText } from '../../../src/failures/failures.ts';
import { messageOf } from '../../../src/log/logger.ts';
import type { SystemResolverState } from '../../../src/model/system-resolver.ts';
import type { StatusSnapshot } from '../../../src/status/snapshot.ts';
import { COMMAND, runCli } from '../../cli/run-cli.ts';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { rawName } from '../../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { answering, RCODE, RESPONSE_FLAGS } from '../upstream-messages.ts';

const RESOLV_CONF = '/etc/resolv.conf';
const ORIGINAL = '# mine\nnameserver 192.0.2.53\n';
const ORIGINAL_MODE = 0o640;
/** More than the time between two looks of the watch. */
const WATCH_PATIENCE_MS = 20_000;
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '' };

await writeFile(RESOLV_CONF, ORIGINAL);
await chmod(RESOLV_CONF, ORIGINAL_MODE);

async function assertAsBefore(): Promise<void> {
  assert.equal(await readFile(RESOLV_CONF, 'utf8'), ORIGINAL);
  assert.equal((await lstat(RESOLV_CONF)).mode & 0o777, ORIGINAL_MODE);
  const left = [...(await readdir('/var/lib')), ...(await readdir('/run')), ...(await readdir('/etc'))];
  assert.deepEqual(
    left.filter((name) => name.includes('dns4tor')),
    [],
  );
}

async function assertInstalled(): Promise<void> {
  assert.match(await readFile(RESOLV_CONF, 'utf8'), /^nameserver 127\.0\.0\.1$/m);
}

/** Runs a command that must succeed, and returns its output. */
async function dns4tor(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, ENVIRONMENT);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
}

{
  await using lab = await startLab('--port', '53');
  assert.equal(lab.daemon.port, 53);
  const systemResolverBecomes = (state: SystemResolverState): Promise<void> =>
    waitUntil(
      `dns4tor finds that the system resolver is ${state}`,
      WATCH_PATIENCE_MS,
      async () => (await lab.counter('dns4tor_system_resolver', { state })) === 1,
    );
  await systemResolverBecomes('not_installed');

  assert.match(
    await dns4tor('install', '--dry-run'),
    /^-nameserver 192\.0\.2\.53\n\+# Written by .*\n\+nameserver 127\.0\.0\.1$/m,
  );
  await assertAsBefore();

  assert.match(await dns4tor('install'), /is the resolver of this machine/);
  await assertInstalled();
  await dns4tor('install');

  // As a DHCP client does.
  await writeFile(RESOLV_CONF, 'nameserver 192.0.2.54\n');
  await systemResolverBecomes('elsewhere');
  const bypassed = JSON.parse((await lab.daemon.page('/api/status')).body) as StatusSnapshot;
  assert.deepEqual([bypassed.state, bypassed.reason], ['degraded', 'system_elsewhere']);
  assert.equal(bypassed.systemResolver.trouble?.reason, 'system_elsewhere');
  const check = await runCli(['check', '--json', '--address', '127.0.0.1', '--tor-socks', 'unix:/x'], ENVIRONMENT);
  const { checks } = JSON.parse(check.stdout) as { readonly checks: readonly { id: string; status: string }[] };
  const statusOf = (id: string): unknown => checks.find((one) => one.id === id)?.status;
  assert.deepEqual([check.code, statusOf('resolv-conf'), statusOf('installation')], [1, 'fail', 'fail']);
  assert.match(await dns4tor('install', '--dry-run'), /^-nameserver 192\.0\.2\.54$/m);
  const takenBack = await runCli(['install'], ENVIRONMENT);
  assert.equal(takenBack.code, 0);
  assert.ok(takenBack.stderr.includes(`${RESOLV_CONF}.before-install`), takenBack.stderr);
  await assertInstalled();
  assert.equal(await readFile(`${RESOLV_CONF}.before-install`, 'utf8'), 'nameserver 192.0.2.54\n');
  await systemResolverBecomes('leads_here');

  await using pause = await startProcess(process.execPath, [COMMAND, 'pause', '1h'], { env: ENVIRONMENT });
  await pause.waitUntil('names go to the network', PATIENCE_MS, () => pause.output.includes('in the clear until'));
  assert.equal(await readFile(RESOLV_CONF, 'utf8'), ORIGINAL);
  await systemResolverBecomes('paused');
  // A closed terminal does not end it; Ctrl-C does.
  process.kill(pause.pid, 'SIGHUP');
  process.kill(pause.pid, 'SIGINT');
  await pause.waitUntil('the pause is over', PATIENCE_MS, () => pause.output.includes('The pause is over'));
  await assertInstalled();

  await dns4tor('uninstall');
  await assertAsBefore();
  const lines = lab.daemon.process.output.split('\n');
  for (const event of ['system_resolver_lost', 'system_resolver_back'] as const) {
    const message = event === 'system_resolver_lost' ? failureText('ERR_SYSTEM_ELSEWHERE') : messageOf(event, {});
    assert.equal(lines.filter((line) => line.includes(message)).length, 1, event);
  }
  assert.match(await dns4tor('uninstall'), /nothing to restore/);

  await using unconfirmed = await startProcess(process.execPath, [COMMAND, 'install', '--confirm-within', '1h'], {
    env: ENVIRONMENT,
  });
  await unconfirmed.waitUntil('it is to be confirmed', PATIENCE_MS, () =>
    unconfirmed.output.includes('dns4tor confirm'),
  );
  await assertInstalled();
  process.kill(unconfirmed.pid, 'SIGINT');
  await unconfirmed.waitUntil('it is put back', PATIENCE_MS, () =>
    unconfirmed.output.includes(failureText('ERR_SYSTEM_UNCONFIRMED')),
  );
  await assertAsBefore();

  await using confirmed = await startProcess(process.execPath, [COMMAND, 'install', '--confirm-within', '1h'], {
    env: ENVIRONMENT,
  });
  await confirmed.waitUntil('it is to be confirmed', PATIENCE_MS, () => confirmed.output.includes('dns4tor confirm'));
  await dns4tor('confirm');
  await confirmed.waitUntil('it stays', PATIENCE_MS, () =>
    confirmed.output.includes('is the resolver of this machine'),
  );
  await assertInstalled();
  await dns4tor('uninstall');
  await assertAsBefore();

  // As in containers: a mount point, which cannot be replaced (rename(2): EBUSY).
  await writeFile('/etc/mounted', ORIGINAL);
  await chmod('/etc/mounted', ORIGINAL_MODE);
  await runProgram('mount', ['--bind', '/etc/mounted', RESOLV_CONF]);
  const inode = (await lstat(RESOLV_CONF)).ino;
  await dns4tor('install');
  await assertInstalled();
  await dns4tor('uninstall');
  await assertAsBefore();
  assert.equal((await lstat(RESOLV_CONF)).ino, inode);

  await runProgram('mount', ['-o', 'remount,bind,ro', '/etc']);
  await runProgram('umount', [RESOLV_CONF]);
  const { code, stderr } = await runCli(['install'], ENVIRONMENT);
  assert.equal(code, 1);
  assert.match(stderr, /^dns4tor: \/etc\/resolv\.conf \(EROFS\): .*findmnt.*\n$/);
  await assertAsBefore();
  await runProgram('mount', ['-o', 'remount,bind,rw', '/etc']);
}

/** Answers for `corp.example` alone, as a private resolver does, and other names with the RCODE. */
function privateResolver(rcode: number): DohBehaviour {
  return (request) => {
    const isOwn = Buffer.from(request.query).includes(Buffer.from(rawName('corp', 'example')));
    return (
      isOwn ? answering({ flags: RESPONSE_FLAGS | RCODE.nxdomain }) : answering({ flags: RESPONSE_FLAGS | rcode })
    )(request);
  };
}

{
  await using behind = await startBehindDouble(privateResolver(RCODE.refused), '--port', '53');
  await behind.daemon.answers();
  await dns4tor('install');
  await assertInstalled();
  await dns4tor('uninstall');
  await assertAsBefore();
}
{
  await using behind = await startBehindDouble(privateResolver(RCODE.servfail), '--port', '53');
  await behind.daemon.answers();
  assert.equal((await runCli(['install'], ENVIRONMENT)).code, 1);
  await assertAsBefore();
  // dns4tor answers names below this one itself.
  assert.equal((await runCli(['install', '--probe-domain', 'invalid'], ENVIRONMENT)).code, 1);
  await assertAsBefore();
  await dns4tor('install', '--probe-domain', 'corp.example');
  await assertInstalled();
  await dns4tor('uninstall');
  await assertAsBefore();
}

const refused = await runCli(['install'], ENVIRONMENT);
assert.equal(refused.code, 1);
assert.equal(refused.stderr, `dns4tor: 127.0.0.1:53: ${failureText('ERR_SYSTEM_UNANSWERED')}\n`);
await assertAsBefore();
