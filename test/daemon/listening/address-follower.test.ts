import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { AddressFollower } from '../../../src/daemon/listening/address-follower.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

const POLL_MS = 2000;
const LAN = '192.168.1.2';
const GLOBAL = '2001:db8::2';

/** A machine whose addresses and sockets a test controls. */
class Machine {
  readonly clock = new ManualClock();
  /** Addresses of its interfaces; undefined if the kernel does not tell. */
  addresses: readonly string[] | undefined;
  /** Why an address cannot be bound. */
  readonly obstacles = new Map<string, ErrorCode>();
  /** What happened, in order. */
  readonly log: string[] = [];
  readonly open = new Set<string>();
  /** While set, sockets drain until it resolves. */
  draining: Promise<void> = Promise.resolve();

  constructor(...addresses: readonly string[]) {
    this.addresses = addresses;
  }

  listen(...addresses: readonly string[]): Promise<AddressFollower> {
    return this.listenOn(53, ...addresses);
  }

  listenOn(port: number, ...addresses: readonly string[]): Promise<AddressFollower> {
    return AddressFollower.start(
      {
        clock: this.clock,
        networkInterfaces: () => this.#interfaces(),
        open: async (address, wantedPort) => {
          const obstacle = this.obstacles.get(address);
          if (obstacle !== undefined) throw new Dns4torError(obstacle, address);
          assert.ok(!this.open.has(address), `${address} is bound twice`);
          this.open.add(address);
          return {
            port: wantedPort === 0 ? 5053 : wantedPort,
            drain: () => this.draining,
            [Symbol.asyncDispose]: async () => void this.open.delete(address),
          };
        },
        events: {
          onOpened: (address, boundPort) => this.log.push(`+${address} ${boundPort}`),
          onClosed: (address, boundPort) => this.log.push(`-${address} ${boundPort}`),
          onFailed: (address, _, { code }) => void this.log.push(`!${address} ${code}`),
          onNothing: (configured) => this.log.push(`nothing for ${configured.join(' ')}`),
        },
      },
      { addresses, port },
    );
  }

  #interfaces(): NodeJS.Dict<NetworkInterfaceInfo[]> {
    if (this.addresses === undefined) throw new Error('EMFILE');
    const infos = this.addresses.map((address): NetworkInterfaceInfo => {
      const shared = { address, netmask: '', mac: '', internal: false, cidr: null };
      if (!address.includes(':')) return { ...shared, family: 'IPv4' };
      return { ...shared, family: 'IPv6', scopeid: address.startsWith('fe80:') ? 2 : 0 };
    });
    return { eth0: infos };
  }

  /** Waits for the next poll, and returns what was logged since the last call. */
  async poll(): Promise<readonly string[]> {
    await this.clock.advanceAsync(POLL_MS);
    return this.log.splice(0);
  }
}

test('a wildcard binds the addresses of its family that come, and closes those that go', async () => {
  const machine = new Machine('127.0.0.1', '::1');
  await using follower = await machine.listen('0.0.0.0');
  assert.deepEqual(machine.log.splice(0), ['+127.0.0.1 53']);
  machine.addresses = ['127.0.0.1', '::1', LAN, GLOBAL];
  assert.deepEqual(await machine.poll(), [`+${LAN} 53`]);
  assert.deepEqual(await machine.poll(), []);
  assert.deepEqual(follower.addresses, [
    { address: '127.0.0.1', port: 53 },
    { address: LAN, port: 53 },
  ]);
  machine.addresses = ['127.0.0.1', '::1'];
  assert.deepEqual(await machine.poll(), [`-${LAN} 53`]);
  assert.deepEqual([...machine.open], ['127.0.0.1']);
});

test('a wildcard of IPv6 follows global addresses and leaves link-local ones out', async () => {
  const machine = new Machine('::1', 'fe80::1');
  await using _ = await machine.listen('::');
  machine.log.length = 0;
  machine.addresses = ['::1', 'fe80::1', 'fe80::2', GLOBAL];
  assert.deepEqual(await machine.poll(), [`+${GLOBAL} 53`]);
  assert.deepEqual([...machine.open], ['::1', GLOBAL]);
});

test('started without any address, a wildcard waits for one, and other configurations are an error', async () => {
  const machine = new Machine();
  await using _ = await machine.listen('0.0.0.0', '::');
  assert.deepEqual(machine.log.splice(0), ['nothing for 0.0.0.0 ::']);
  machine.addresses = [LAN];
  assert.deepEqual(await machine.poll(), [`+${LAN} 53`]);

  machine.obstacles.set('192.0.2.1', 'ERR_LISTEN_ADDRESS');
  await assert.rejects(machine.listen('192.0.2.1'), { code: 'ERR_LISTEN_ADDRESS' });
});

test('a port chosen by the system is kept for addresses that come later', async () => {
  const machine = new Machine('127.0.0.1');
  await using _ = await machine.listenOn(0, '0.0.0.0');
  machine.addresses = ['127.0.0.1', LAN];
  await machine.poll();
  machine.addresses = [LAN];
  assert.deepEqual(await machine.poll(), ['-127.0.0.1 5053']);
});

test('localhost gains and loses ::1 with the machine, and always keeps 127.0.0.1', async () => {
  const machine = new Machine('127.0.0.1');
  await using _ = await machine.listen('localhost');
  machine.log.length = 0;
  machine.addresses = ['127.0.0.1', '::1', LAN];
  assert.deepEqual(await machine.poll(), ['+::1 53']);
  machine.addresses = [];
  assert.deepEqual(await machine.poll(), ['-::1 53']);
  assert.deepEqual([...machine.open], ['127.0.0.1']);
});

test('a configured address that does not exist yet is reported once and bound when it exists, then never closed', async () => {
  const machine = new Machine();
  machine.obstacles.set(LAN, 'ERR_LISTEN_ADDRESS');
  await using _ = await machine.listen('127.0.0.1', LAN);
  assert.deepEqual(machine.log.splice(0), ['+127.0.0.1 53', `!${LAN} ERR_LISTEN_ADDRESS`]);
  assert.deepEqual(await machine.poll(), []);
  machine.obstacles.clear();
  assert.deepEqual(await machine.poll(), [`+${LAN} 53`]);
  assert.equal(machine.clock.pendingTimers, 0, 'nothing is left to follow');
});

test('a tentative address is tried again without a warning; one that stays unusable is reported once', async () => {
  const machine = new Machine(LAN, GLOBAL);
  machine.obstacles.set(GLOBAL, 'ERR_LISTEN_ADDRESS');
  await using _ = await machine.listen('0.0.0.0', '::');
  assert.deepEqual(machine.log.splice(0), [`+${LAN} 53`]);
  assert.deepEqual(await machine.poll(), []);
  machine.obstacles.clear();
  assert.deepEqual(await machine.poll(), [`+${GLOBAL} 53`]);

  machine.addresses = [LAN, GLOBAL, '2001:db8::3'];
  machine.obstacles.set('2001:db8::3', 'ERR_LISTEN_ADDRESS');
  const reported = [...(await machine.poll()), ...(await machine.poll()), ...(await machine.poll())];
  assert.deepEqual(reported, ['!2001:db8::3 ERR_LISTEN_ADDRESS']);
  assert.deepEqual(await machine.poll(), []);
});

test('a new address on which another program holds the port is reported once and tried again', async () => {
  const machine = new Machine('127.0.0.1');
  await using _ = await machine.listen('0.0.0.0');
  machine.log.length = 0;
  machine.obstacles.set(LAN, 'ERR_LISTEN_IN_USE');
  machine.addresses = ['127.0.0.1', LAN];
  assert.deepEqual(await machine.poll(), [`!${LAN} ERR_LISTEN_IN_USE`]);
  assert.deepEqual(await machine.poll(), []);
  machine.obstacles.clear();
  assert.deepEqual(await machine.poll(), [`+${LAN} 53`]);
  // If it is lost and comes back to the same obstacle, that is worth another line.
  machine.addresses = ['127.0.0.1'];
  await machine.poll();
  machine.obstacles.set(LAN, 'ERR_LISTEN_IN_USE');
  for (let i = 0; i < 2; i++) {
    machine.addresses = ['127.0.0.1', LAN];
    assert.deepEqual(await machine.poll(), [`!${LAN} ERR_LISTEN_IN_USE`]);
    machine.addresses = ['127.0.0.1'];
    assert.deepEqual(await machine.poll(), []);
  }
});

test('at the start, a busy port is an error on configured addresses and if no address of a wildcard is free', async () => {
  const machine = new Machine('127.0.0.1', LAN);
  machine.obstacles.set(LAN, 'ERR_LISTEN_IN_USE');
  await assert.rejects(machine.listen('127.0.0.1', LAN), { code: 'ERR_LISTEN_IN_USE' });
  assert.equal(machine.open.size, 0);
  machine.addresses = ['127.0.0.1', '::1', LAN];
  machine.obstacles.set('::1', 'ERR_LISTEN_IN_USE');
  await assert.rejects(machine.listen('localhost'), { code: 'ERR_LISTEN_IN_USE' });
  assert.equal(machine.open.size, 0);
  {
    await using _ = await machine.listen('0.0.0.0');
    assert.deepEqual(machine.log.splice(0), ['+127.0.0.1 53', `!${LAN} ERR_LISTEN_IN_USE`]);
  }
  machine.obstacles.set('127.0.0.1', 'ERR_LISTEN_IN_USE');
  await assert.rejects(machine.listen('0.0.0.0'), { code: 'ERR_LISTEN_IN_USE' });
  assert.equal(machine.clock.pendingTimers, 0);
});

test('an address that comes back while its old sockets still answer is bound after them', async () => {
  const machine = new Machine('127.0.0.1', LAN);
  await using _ = await machine.listen('0.0.0.0');
  machine.log.length = 0;
  const answered = Promise.withResolvers<void>();
  machine.draining = answered.promise;
  machine.addresses = ['127.0.0.1'];
  assert.deepEqual(await machine.poll(), [`-${LAN} 53`]);
  machine.addresses = ['127.0.0.1', LAN];
  assert.deepEqual(await machine.poll(), []);
  answered.resolve();
  assert.deepEqual(await machine.poll(), [`+${LAN} 53`]);
});

test('if the kernel does not tell its addresses, the sockets stay', async () => {
  const machine = new Machine('127.0.0.1', LAN);
  await using _ = await machine.listen('0.0.0.0');
  machine.log.length = 0;
  machine.addresses = undefined;
  assert.deepEqual(await machine.poll(), []);
  assert.deepEqual([...machine.open], ['127.0.0.1', LAN]);
});

test('disposing closes all sockets and ends the polls, also one that is under way', async () => {
  const machine = new Machine('127.0.0.1', LAN);
  const follower = await machine.listen('0.0.0.0');
  machine.addresses = ['127.0.0.1', LAN, '192.0.2.7'];
  machine.clock.advance(POLL_MS);
  await follower.drain();
  await follower[Symbol.asyncDispose]();
  assert.equal(machine.open.size, 0);
  assert.equal(machine.clock.pendingTimers, 0);
});

test('fixed addresses alone need no polls', async () => {
  const machine = new Machine();
  await using _ = await machine.listen('127.0.0.1', LAN);
  assert.equal(machine.clock.pendingTimers, 0);
});
