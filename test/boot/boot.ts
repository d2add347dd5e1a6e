import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { buildDeb } from '../../packaging/deb/build.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { messageOf } from '../../src/log/logger.ts';
import { DIG_FLAGS, type DigReply, readDigReply } from '../fixtures/dns/dig.ts';
import { buildQuery } from '../fixtures/dns/messages.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { buildDebianImage } from './debian-image.ts';
import { type Guest, startGuest } from './guest.ts';
import { type ConfinedLaboratory, startConfinedLaboratory } from './laboratory.ts';

/*
 * `npm run test:boot`: the Debian package on a Debian that boots in a virtual machine with systemd, systemd-resolved
 * and Debian's tor. Its network leads only to a private Tor network, and other packets are counted. Each test continues
 * where the one before ended.
 */

const ZONE = 'dns4tor-lab.net';
/** The address of every name below `wild` in the zone. */
const ADDRESS = '192.0.2.9';
const RELEASE = { version: '1.2.3', sourceDateEpoch: 1_700_000_000, maintainer: 'Nobody <nobody@localhost>' } as const;
const AGAIN_TIMEOUT_MS = 120_000;

/** Lists all of /etc: kind, mode, owner, path, and content or link target. */
const LIST_ETC =
  'find /etc -printf "%y %m %U:%G %p %l\\n" | sort; find /etc -type f -exec sha256sum {} + | sort --key=2';

/** Fetches the metrics with programs that every guest has. */
const SCRAPE = `bash -c 'exec 3<>/dev/tcp/127.0.0.1/9053; printf "GET /metrics HTTP/1.0\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n" >&3; cat <&3'`;

const startedAtMs = systemClock.now();
const resources = new AsyncDisposableStack();
let laboratory: ConfinedLaboratory;
let guest: Guest;

function say(what: string): void {
  const seconds = ((systemClock.now() - startedAtMs) / 1000).toFixed(0);
  process.stdout.write(`${seconds.padStart(5)} s  ${what}\n`);
}

let asked = 0;
/** A name not queried before. */
function newName(): string {
  return `${asked++}.wild.${ZONE}`;
}

async function digInGuest(...args: readonly string[]): Promise<DigReply> {
  return readDigReply(await guest.run(`dig ${[...DIG_FLAGS, '+timeout=60', ...args].join(' ')}`));
}

/** Resolves a name with libc, as most programs do. */
async function resolves(name = newName()): Promise<void> {
  assert.match(await guest.run(`getent ahostsv4 ${name}`), new RegExp(`^${ADDRESS} `));
}

/** For dns4tor to reconnect. */
async function untilAnswered(): Promise<void> {
  await waitUntil('dns4tor answers', AGAIN_TIMEOUT_MS, async () => {
    return (await digInGuest('@127.0.0.1', newName())).status === 'NOERROR';
  });
}

/** Number of leaked packets at the last call of {@link watchPackets}. */
let countBefore = 0;

/** Starts the interval that {@link assertStayedSilent} ends. */
async function watchPackets(): Promise<void> {
  countBefore = await laboratory.namespace.leakedPackets();
}

async function assertStayedSilent(): Promise<void> {
  assert.equal((await laboratory.namespace.leakedPackets()) - countBefore, 0, 'packets tried to bypass Tor');
}

/** Runs `dns4tor install` with a time to confirm, and confirms. After that, no packet may leave. */
async function installAndConfirm(): Promise<void> {
  await guest.run(`
    dns4tor install --confirm-within 5m >/run/install.log 2>&1 & pid=$!
    until grep --quiet 'dns4tor confirm' /run/install.log; do kill -0 $pid || exit 1; sleep 0.2; done
    dns4tor confirm && wait $pid; status=$?; cat /run/install.log; exit $status`);
  await watchPackets();
}

async function uninstall(): Promise<void> {
  await assertStayedSilent();
  await guest.run('dns4tor uninstall');
}

before(async () => {
  const folder = resources.use(await createTemporaryDirectory()).path;
  const prepare = async (): Promise<[Awaited<ReturnType<typeof buildDebianImage>>, string]> => {
    const image = await buildDebianImage(say);
    say('building the Debian package');
    return [image, await buildDeb({ release: RELEASE, folder, compression: 'none' })];
  };
  const [[image, deb], started] = await Promise.all([prepare(), startConfinedLaboratory(say)]);
  laboratory = resources.use(started);
  const { upstream, ca, clientTorrc, namespace } = laboratory;
  await copyFile(deb, join(folder, 'dns4tor.deb'));
  await writeFile(join(folder, 'ca.pem'), ca);
  await writeFile(join(folder, 'torrc'), `${clientTorrc.join('\n')}\n`);
  await writeFile(join(folder, 'dns4tor.toml'), `upstream = ["${upstream}"]\nupstream-ca = "/etc/dns4tor-ca.pem"\n`);
  say('starting the virtual machine');
  const onLine = (line: string): void => {
    if (/Linux version|Reached target.*(?:Multi-User System|System Reboot)|FAILED|ordering cycle/.test(line))
      say(`  console: ${stripVTControlCharacters(line)}`);
  };
  guest = resources.use(await startGuest({ image, folder, via: namespace.via, onLine }));
  await guest.run(
    'sed -i /DisableNetwork/d /etc/tor/torrc && cat /mnt/torrc >> /etc/tor/torrc && cp /mnt/ca.pem /etc/dns4tor-ca.pem',
  );
  await guest.run('systemctl restart tor@default.service');
});
after(() => resources.disposeAsync());

/** A test that reports its start and, if it fails, the guest's last log lines. */
function step(name: string, work: () => Promise<void>): void {
  void test(name, async () => {
    say(name);
    try {
      await work();
    } catch (error) {
      say(await guest.run('journalctl --no-pager --lines=60'));
      throw error;
    }
  });
}

step('a name that goes to the network in the clear is seen here', async () => {
  await watchPackets();
  await guest.try(`timeout 3 getent hosts ${newName()}`);
  await assert.rejects(assertStayedSilent, { code: 'ERR_ASSERTION' });
});

step('apt installs the package, and it answers on port 53 of both loopback addresses, over UDP and TCP', async () => {
  await guest.run('DEBIAN_FRONTEND=noninteractive apt-get -qy install /mnt/dns4tor.deb');
  await guest.run('systemctl is-enabled dns4tor.service dns4tor.socket dns4tor-metrics.socket');
  await guest.run('cat /mnt/dns4tor.toml >> /etc/dns4tor.toml && systemctl restart dns4tor.service');
  for (const server of ['@127.0.0.1', '@::1']) {
    for (const transport of ['+notcp', '+tcp']) {
      const { status, answer } = await digInGuest(server, transport, newName());
      assert.deepEqual([status, answer[0]?.data], ['NOERROR', ADDRESS]);
    }
  }
});

step('the service runs in its sandbox: only loopback, no privileges, no writable file, no core dump', async () => {
  const inside = 'nsenter --target "$(systemctl show --property MainPID --value dns4tor.service)"';
  assert.match(await guest.run(`${inside} --net ip -brief link`), /^lo .*\n$/);
  assert.equal(await guest.run(`${inside} --net ss --no-header --listening --tcp --udp`), '');
  const status = await guest.run('cat "/proc/$(systemctl show --property MainPID --value dns4tor.service)/status"');
  for (const line of [/^CapEff:\t0+$/m, /^CapBnd:\t0+$/m, /^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m])
    assert.match(status, line);
  const limits = await guest.run('cat "/proc/$(systemctl show --property MainPID --value dns4tor.service)/limits"');
  assert.match(limits, /^Max core file size +0 +0 /m);
  assert.match(await guest.run('systemd-analyze security dns4tor.service'), /Overall exposure level .*: 0\.[0-5] /);
  assert.notEqual((await guest.try(`${inside} --mount sh -c 'echo >/var/lib/written'`)).status, 0);
});

step('the first question starts it, and it is back after a crash; what is asked meanwhile waits', async () => {
  await guest.run('systemctl stop dns4tor.service');
  assert.equal((await digInGuest('@127.0.0.1', newName())).status, 'NOERROR');
  for (const [index, signal] of ['KILL', 'SEGV'].entries()) {
    await guest.run(`systemctl kill --signal=${signal} dns4tor.service`);
    assert.equal((await digInGuest('@127.0.0.1', newName())).status, 'NOERROR');
    assert.equal(await guest.run('systemctl show --property NRestarts --value dns4tor.service'), `${index + 1}\n`);
  }
});

step('systemd knows its state, and restarts a process that stands still, with koffi and without', async () => {
  const property = async (name: string): Promise<string> =>
    (await guest.run(`systemctl show --property ${name} --value dns4tor.service`)).trim();
  const folder = '/run/systemd/system/dns4tor.service.d';
  await guest.run(`mkdir -p ${folder} && printf '[Service]\\nWatchdogSec=10\\n' > ${folder}/watchdog.conf`);
  for (const environment of ['', 'Environment=DNS4TOR_UDP_IO=dgram\\n']) {
    await guest.run(`printf '[Service]\\n${environment}' > ${folder}/udp-io.conf && systemctl daemon-reload`);
    // Returns once the service has said that it is ready.
    await guest.run('systemctl restart dns4tor.service');
    assert.deepEqual([await property('Type'), await property('ActiveState')], ['notify', 'active']);
    await untilAnswered();
    await waitUntil('the status says that it works', AGAIN_TIMEOUT_MS, async () => {
      return (await property('StatusText')) === 'Working: names are resolved through Tor.';
    });
    const restarts = await property('NRestarts');
    // More than two time limits.
    await guest.run('sleep 25');
    assert.equal(await property('NRestarts'), restarts);
    const stopped = await property('MainPID');
    await guest.run(`kill -STOP ${stopped}`);
    await waitUntil('it is restarted', AGAIN_TIMEOUT_MS, async () => {
      return (await property('NRestarts')) !== restarts && (await property('ActiveState')) === 'active';
    });
    assert.notEqual(await property('MainPID'), stopped);
    await untilAnswered();
  }
  await guest.run(`rm -r ${folder} && systemctl daemon-reload && systemctl restart dns4tor.service`);
});

step('the drop-in for port 5053 moves the sockets', async () => {
  const folder = '/run/systemd/system/dns4tor.socket.d';
  await guest.run(`mkdir -p ${folder} && cp /usr/share/doc/dns4tor/examples/drop-ins/port-5053.conf ${folder}`);
  const again = 'systemctl stop dns4tor.service && systemctl restart dns4tor.socket && systemctl start dns4tor.service';
  await guest.run(`systemctl daemon-reload && ${again}`);
  for (const server of ['@127.0.0.1', '@::1']) {
    assert.equal((await digInGuest(server, '-p', '5053', newName())).status, 'NOERROR');
  }
  assert.equal(
    await guest.run('ss --no-header --listening --udp --tcp --numeric sport = :53 | grep -v 127.0.0.5 || :'),
    '',
  );
  await guest.run(`rm -r ${folder} && systemctl daemon-reload && ${again}`);
  await untilAnswered();
});

step('with a certificate, the service in its sandbox answers over DoT and DoH on sockets of systemd', async () => {
  const folder = '/etc/systemd/system/dns4tor.service.d';
  const mainProcess = async (): Promise<string> =>
    (await guest.run('systemctl show --property MainPID --value dns4tor.service')).trim();
  const ask = async (address: string, ...args: readonly string[]): Promise<string> => {
    const trust = ['+tls-ca=/etc/dns4tor/tls/ca.pem', `+tls-hostname=${address}`];
    return (await digInGuest(`@${address}`, ...args, ...trust, newName())).status;
  };
  const designated = async (): Promise<string[]> => {
    const { answer } = await digInGuest('@127.0.0.1', '_dns.resolver.arpa', 'SVCB');
    return answer.map(({ data }) => data.replaceAll('"', ''));
  };
  assert.deepEqual(await designated(), []);
  await guest.run('dns4tor certificate dns.example.net 127.0.0.1 ::1');
  await guest.run(`install -D -m 644 -t ${folder} /usr/share/doc/dns4tor/examples/drop-ins/encrypted.conf`);
  await guest.run('systemctl daemon-reload && systemctl restart dns4tor');
  for (const address of ['127.0.0.1', '::1']) {
    for (const option of ['+tls', '+https', '+https-get']) {
      assert.equal(await ask(address, option), 'NOERROR', `${address} ${option}`);
    }
  }
  // A client that knows only the address of port 53 finds both (RFC 9462).
  assert.deepEqual(await designated(), [
    '1 dns.example.net. alpn=dot ipv4hint=127.0.0.1',
    '2 dns.example.net. alpn=h2,http/1.1 ipv4hint=127.0.0.1 key7=/dns-query{?dns}',
  ]);
  const inside = `nsenter --target ${await mainProcess()} --net`;
  assert.match(await guest.run(`${inside} ip -brief link`), /^lo .*\n$/);
  assert.equal(await guest.run(`${inside} ss --no-header --listening --tcp --udp`), '');
  assert.match(await guest.run('systemd-analyze security dns4tor.service'), /Overall exposure level .*: 0\.[0-5] /);

  // A renewed certificate for the same key is used without a restart.
  const started = await mainProcess();
  await guest.run('dns4tor certificate');
  await waitUntil('the renewed certificate is used', AGAIN_TIMEOUT_MS, async () => {
    const log = await guest.run(`journalctl _PID=${started} --output cat`);
    return log.includes(messageOf('certificate_replaced', {}));
  });
  assert.equal(await ask('127.0.0.1', '+tls'), 'NOERROR');
  assert.equal(await mainProcess(), started);

  // A web server can open the socket for a reverse proxy, and no other user but root.
  await guest.run(`cp /usr/share/doc/dns4tor/examples/drop-ins/reverse-proxy.conf ${folder}`);
  await guest.run('systemctl daemon-reload && systemctl restart dns4tor');
  const path = `/dns-query?dns=${Buffer.from(buildQuery({ id: 0, name: newName() })).toString('base64url')}`;
  const request = `{ socketPath: "/run/dns4tor-doh", path: "${path}" }, (response) => console.log(response.statusCode)`;
  const getAs = (user: string): string =>
    `runuser -u ${user} -- /usr/lib/dns4tor/node -e 'require("node:http").get(${request})'`;
  assert.equal(await guest.run(getAs('www-data')), '200\n');
  assert.match((await guest.try(getAs('nobody'))).stderr, /EACCES/);

  // The first connection starts the service.
  for (const option of ['+tls', '+https']) {
    await guest.run('systemctl stop dns4tor.service');
    assert.equal(await ask('127.0.0.1', option), 'NOERROR', option);
  }
  await guest.run(`rm -r ${folder} /etc/dns4tor && systemctl daemon-reload`);
  await guest.run('systemctl stop dns4tor.service dns4tor.socket && systemctl start dns4tor.socket dns4tor.service');
  assert.equal(await guest.run('ss --no-header --listening --tcp --numeric "sport = :443 or sport = :853"'), '');
  await untilAnswered();
});

step('an upgrade keeps the sockets open, and each question that is asked meanwhile is answered', async () => {
  const property = (name: string, unit: string): Promise<string> =>
    guest.run(`systemctl show --property ${name} --value ${unit}`);
  const oldProcess = await property('MainPID', 'dns4tor.service');
  const openSince = await property('ActiveEnterTimestampMonotonic', 'dns4tor.socket');
  await guest.run(`
    DEBIAN_FRONTEND=noninteractive apt-get -qy install --reinstall /mnt/dns4tor.deb >/run/upgrade.log 2>&1 & pid=$!
    count=0
    while kill -0 $pid 2>/dev/null; do
      count=$((count + 1))
      dig ${[...DIG_FLAGS, '+timeout=60', '@127.0.0.1'].join(' ')} upgrade-$count.wild.${ZONE} | grep 'status: NOERROR' || exit 1
    done
    wait $pid || { cat /run/upgrade.log; exit 1; }`);
  assert.notEqual(await property('MainPID', 'dns4tor.service'), oldProcess);
  assert.equal(await property('ActiveEnterTimestampMonotonic', 'dns4tor.socket'), openSince);
});

step(
  'the drop-ins: it follows Tor over its control port, only with them, and answers without just-in-time compilation',
  async () => {
    const follows = async (): Promise<boolean> => {
      return /^dns4tor_tor_circuits\{/m.test(await guest.run(SCRAPE));
    };
    assert.equal(await follows(), false);
    const folder = '/etc/systemd/system/dns4tor.service.d';
    const examples = '/usr/share/doc/dns4tor/examples/drop-ins';
    await guest.run(`mkdir ${folder} && cp ${examples}/tor-control.conf ${examples}/jitless.conf ${folder}`);
    await guest.run('systemctl daemon-reload && systemctl restart dns4tor.service');
    await waitUntil('it follows Tor', AGAIN_TIMEOUT_MS, follows);
    await untilAnswered();
    await guest.run(`rm -r ${folder} && systemctl daemon-reload`);
  },
);

step('the variant with sockets of its own takes the place of the other, and gives it back', async () => {
  await guest.run('systemctl disable --now dns4tor.service dns4tor.socket dns4tor-metrics.socket');
  await guest.run('systemctl enable --now dns4tor-standalone.service');
  await waitUntil('it listens', AGAIN_TIMEOUT_MS, async () => {
    return (await guest.run('ss --no-header --listening --udp --numeric src 127.0.0.1:53')) !== '';
  });
  await untilAnswered();
  await guest.run('systemctl disable --now dns4tor-standalone.service && systemctl enable --now dns4tor.service');
  await untilAnswered();
});

step('with systemd-resolved: all names go through Tor, and uninstall puts everything back', async () => {
  const original = await guest.run(LIST_ETC);
  await installAndConfirm();
  await resolves();
  await resolves();
  await uninstall();
  assert.equal(await guest.run(LIST_ETC), original);
});

step('what nobody confirms is taken back by systemd, though the process that waited for it was killed', async () => {
  const original = await guest.run(LIST_ETC);
  await guest.run(`
    rm -f /run/install.log; dns4tor install --confirm-within 10s >/run/install.log 2>&1 & pid=$!
    until grep --quiet 'dns4tor confirm' /run/install.log; do kill -0 $pid || exit 1; sleep 0.2; done
    kill -KILL $pid`);
  await waitUntil('the installation is reverted', AGAIN_TIMEOUT_MS, async () => {
    return (await guest.try('test -e /var/lib/dns4tor-install')).status !== 0;
  });
  // The journal is removed before the timer.
  await waitUntil('its timer is gone', AGAIN_TIMEOUT_MS, async () => {
    return (await guest.try('test -e /etc/systemd/system/dns4tor-settle.service')).status !== 0;
  });
  assert.equal(await guest.run(LIST_ETC), original);
});

step('installed, it answers after a restart of the machine, in which no packet leaves but to Tor', async () => {
  await installAndConfirm();
  await guest.reboot();
  await untilAnswered();
  await resolves();
  await assertStayedSilent();
});

step('systemd starts it and tor without an ordering cycle, and nothing fails', async () => {
  const journal = await guest.run('journalctl --boot --no-pager --identifier=systemd');
  assert.doesNotMatch(journal, /ordering cycle|break cycle/i);
  await guest.run('systemctl is-active tor@default.service dns4tor.socket dns4tor.service');
  assert.equal(await guest.run('systemctl --failed --no-legend --plain'), '');
});

step(
  'a pause ends even if the process that waits for it is killed and the machine restarts while it ends',
  async () => {
    await assertStayedSilent();
    await guest.run(`
    rm -f /run/pause.log; dns4tor pause 20s >/run/pause.log 2>&1 & pid=$!
    until grep --quiet 'in the clear' /run/pause.log; do kill -0 $pid || exit 1; sleep 0.2; done
    kill -KILL $pid`);
    assert.doesNotMatch(await guest.run('resolvectl dns'), /127\.0\.0\.1/);
    await guest.run('until [ "$(systemctl is-active dns4tor-settle.service)" = activating ]; do sleep 0.1; done');
    await guest.reboot();
    await waitUntil('the pause is over', AGAIN_TIMEOUT_MS, async () => {
      return /^Global: 127\.0\.0\.1$/m.test(await guest.run('resolvectl dns'));
    });
    await watchPackets();
    await untilAnswered();
    await resolves();
    await uninstall();
  },
);

step(
  'with a plain resolv.conf: all names go through Tor except during a pause, and uninstall reverts everything',
  async () => {
    await guest.run('systemctl disable --now systemd-resolved.service && rm /etc/resolv.conf');
    await guest.run("printf '# by hand\\nnameserver 10.0.2.3' > /etc/resolv.conf && chmod 640 /etc/resolv.conf");
    const original = await guest.run(LIST_ETC);
    await installAndConfirm();
    await resolves();
    await assertStayedSilent();
    const paused = await guest.run(`
    rm -f /run/pause.log; dns4tor pause 20s >/run/pause.log 2>&1 & pid=$!
    until grep --quiet 'in the clear' /run/pause.log; do kill -0 $pid || exit 1; sleep 0.2; done
    cat /etc/resolv.conf; wait $pid`);
    assert.equal(paused, '# by hand\nnameserver 10.0.2.3');
    await watchPackets();
    await resolves();
    await uninstall();
    assert.equal(await guest.run(LIST_ETC), original);
  },
);

step('apt purges the package from the machine whose resolver it is, and leaves the one before', async () => {
  const original = await guest.run('stat --format "%a %U" /etc/resolv.conf; cat /etc/resolv.conf');
  await installAndConfirm();
  await assertStayedSilent();
  await guest.run('DEBIAN_FRONTEND=noninteractive apt-get -qy purge dns4tor');
  assert.equal(await guest.run('stat --format "%a %U" /etc/resolv.conf; cat /etc/resolv.conf'), original);
  assert.equal(await guest.run('ss --no-header --listening --tcp --udp --numeric "sport = :53"'), '');
  assert.equal(
    await guest.run('ls -d /var/lib/dns4tor* /etc/dns4tor.toml 2>/dev/null; systemctl --failed --no-legend --plain'),
    '',
  );
});
