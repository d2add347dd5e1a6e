import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import type { EncryptedConfig } from '../../../src/config/config.ts';
import { readCertificateAndKey } from '../../../src/config/parse/server-certificate.ts';
import { type HandedOver, NOT_HANDED_OVER } from '../../../src/daemon/handed-over.ts';
import { type EncryptedListening, openEncryptedListeners } from '../../../src/daemon/listening/encrypted.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { readValidity } from '../../../src/model/tls/certificate-validity.ts';
import { createFileSystem } from '../../../src/system/transaction/file-system.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../../fixtures/certificates.ts';
import { reservePort } from '../../fixtures/process/reserve-port.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { echo, PATIENCE_MS, type Parts, parts } from '../../listener/harness.ts';

const POLL_MS = 2000;

let ca: CertificateAuthority;
let server: ServerCertificate;
before(async () => {
  ca = await createCertificateAuthority();
  server = await ca.issue(['dns.example']);
});
after(() => ca[Symbol.asyncDispose]());

/** Opens listeners as a daemon does, and keeps its log. */
class Rig implements AsyncDisposable {
  readonly components: Parts = parts(echo);
  readonly log: { readonly event: string; readonly address?: string; readonly code?: string }[] = [];
  /** The addresses of the machine. */
  machine: readonly string[] = ['127.0.0.1'];
  handedOver: HandedOver = NOT_HANDED_OVER;
  readonly #stack = new AsyncDisposableStack();

  open(changes: Partial<EncryptedConfig>): Promise<EncryptedListening> {
    const parsed = readCertificateAndKey(server.certificatePath, server.keyPath);
    assert.ok('value' in parsed);
    const encrypted: EncryptedConfig = {
      dotAddresses: [],
      dotPort: 0,
      dohAddresses: [],
      dohPort: 0,
      dohPath: '/dns-query',
      dohPlain: undefined,
      tls: parsed.value,
      ...changes,
    };
    const logger = {
      log: (_: unknown, event: string, fields: object) => void this.log.push({ event, ...fields }),
      [Symbol.dispose]: () => {},
    };
    const options = {
      config: { encrypted },
      handedOver: this.handedOver,
      logger,
      fs: createFileSystem(),
      networkInterfaces: () => ({ any: this.machine.map(toInterface) }),
    };
    return openEncryptedListeners(this.components, options, this.#stack);
  }

  logged(wanted: string): readonly (string | undefined)[] {
    return this.log.filter(({ event }) => event === wanted).map(({ address }) => address);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function toInterface(address: string): NetworkInterfaceInfo {
  return { address, netmask: '', family: 'IPv4', mac: '', internal: false, cidr: null };
}

/** The certificate that is presented to a client that verifies it, and the protocol that is chosen. */
async function shakeHands(
  address: string,
  port: number,
  protocols: string[],
): Promise<{ serial: string; protocol: unknown }> {
  const socket = connect({
    host: address,
    port,
    servername: 'dns.example',
    ca: readFileSync(ca.certificatePath),
    ALPNProtocols: protocols,
    rejectUnauthorized: true,
  });
  await once(socket, 'secureConnect');
  const { serialNumber: serial } = socket.getPeerCertificate();
  const { alpnProtocol: protocol } = socket;
  socket.destroy();
  return { serial, protocol };
}

test('DoT and DoH are served at their addresses with the certificate, and the log says where', async () => {
  await using rig = new Rig();
  const listening = await rig.open({
    dotAddresses: ['127.0.0.1', '127.0.0.2'],
    dohAddresses: ['127.0.0.1'],
    dohPath: '/q',
  });
  const [dot, another] = listening.dot();
  const [doh] = listening.doh();
  assert.ok(dot !== undefined && another !== undefined && doh !== undefined);
  assert.equal(another.port, dot.port);
  const urls = [`tls://127.0.0.1:${dot.port}`, `tls://127.0.0.2:${dot.port}`, `https://127.0.0.1:${doh.port}/q`];
  assert.deepEqual(listening.urls(), urls);
  assert.deepEqual(rig.logged('listening_encrypted'), urls);
  const first = await shakeHands('127.0.0.2', dot.port, ['dot']);
  assert.equal(first.protocol, 'dot');
  assert.deepEqual(await shakeHands('127.0.0.1', doh.port, ['h2']), { ...first, protocol: 'h2' });
  assert.deepEqual(listening.validity(), readValidity(readFileSync(server.certificatePath, 'utf8')));
});

test('a renewed certificate is presented to new clients', async () => {
  await using rig = new Rig();
  const listening = await rig.open({ dotAddresses: ['127.0.0.1'] });
  const { port = 0 } = listening.dot()[0] ?? {};
  const { serial } = await shakeHands('127.0.0.1', port, ['dot']);
  const renewed = await ca.issue(['dns.example']);
  const parsed = readCertificateAndKey(renewed.certificatePath, renewed.keyPath);
  assert.ok('value' in parsed);
  listening.identity?.replace(parsed.value);
  assert.notEqual((await shakeHands('127.0.0.1', port, ['dot'])).serial, serial);
});

test('without addresses nothing is open', async () => {
  await using rig = new Rig();
  for (const changes of [{}, { tls: undefined }]) {
    const { dot, doh, urls } = await rig.open(changes);
    assert.deepEqual([dot(), doh(), urls(), rig.logged('listening_encrypted')], [[], [], [], []]);
  }
});

for (const protocol of ['dot', 'doh'] as const) {
  const addressesOf = (addresses: readonly string[], port: number): Partial<EncryptedConfig> =>
    protocol === 'dot' ? { dotAddresses: addresses, dotPort: port } : { dohAddresses: addresses, dohPort: port };

  test(`${protocol}: a port in use is an error that names the program, and nothing stays open`, async () => {
    await using rig = new Rig();
    const rival = createServer().listen(0, '127.0.0.1').unref();
    await once(rival, 'listening');
    const address = rival.address();
    assert.ok(address !== null && typeof address !== 'string');
    const { port } = address;
    const error: unknown = await rig
      .open(addressesOf(['127.0.0.2', '127.0.0.1'], port))
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Dns4torError);
    assert.equal(error.code, 'ERR_LISTEN_IN_USE');
    assert.ok(
      error.detail?.includes(`127.0.0.1:${port}`) === true && error.detail.includes(basename(import.meta.filename)),
      error.detail,
    );
    rival.close();
    await once(rival, 'close');
    assert.equal((await rig.open(addressesOf(['127.0.0.2', '127.0.0.1'], port)))[protocol]().length, 2);
  });

  test(`${protocol}: a wildcard follows the machine to other addresses, on one port`, async () => {
    await using rig = new Rig();
    await using reserved = await reservePort();
    const { port } = reserved;
    await reserved.release();
    const listening = await rig.open(addressesOf(['0.0.0.0'], port));
    rig.machine = ['127.0.0.3'];
    rig.components.clock.advance(POLL_MS);
    await waitUntil('the new address is bound', PATIENCE_MS, () => listening[protocol]()[0]?.address === '127.0.0.3');
    assert.deepEqual(listening[protocol](), [{ address: '127.0.0.3', port }]);
    assert.equal((await shakeHands('127.0.0.3', port, [])).serial.length > 0, true);
    assert.equal(rig.logged('listening_ended').length, 1);
    assert.equal(rig.logged('listening_encrypted').length, 2);
  });

  test(`${protocol}: a passed descriptor needs a certificate, and must be a listening socket`, async () => {
    await using rig = new Rig();
    const file = openSync('/dev/null', 'r');
    rig.handedOver = { ...NOT_HANDED_OVER, [protocol]: [file] };
    await assert.rejects(rig.open({ tls: undefined }), { code: 'ERR_LISTEN_FD' });
    await assert.rejects(rig.open({}), { code: 'ERR_LISTEN_FD' });
    closeSync(file);
  });

  test(`${protocol}: among sockets from the service manager, a missing one is named and not opened`, async () => {
    await using rig = new Rig();
    rig.handedOver = { ...NOT_HANDED_OVER, dns: [1000, 1001] };
    const listening = await rig.open(addressesOf(['127.0.0.1'], 8443));
    assert.deepEqual(listening[protocol](), []);
    const path = protocol === 'dot' ? '' : '/dns-query';
    assert.deepEqual(rig.logged('listening_absent'), [
      `${protocol === 'dot' ? 'tls' : 'https'}://127.0.0.1:8443${path}`,
    ]);
  });
}

test('a drained listener accepts no further client', async () => {
  await using rig = new Rig();
  const listening = await rig.open({ dotAddresses: ['127.0.0.1'], dohAddresses: ['127.0.0.1'] });
  const ports = [...listening.dot(), ...listening.doh()].map(({ port }) => port);
  await listening.drain();
  for (const port of ports) await assert.rejects(shakeHands('127.0.0.1', port, []), { code: 'ECONNREFUSED' });
});
