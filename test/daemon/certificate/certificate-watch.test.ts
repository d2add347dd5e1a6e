import assert from 'node:assert/strict';
import { chmod, copyFile, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Config, TlsConfig } from '../../../src/config/config.ts';
import { readCertificateAndKey } from '../../../src/config/parse/server-certificate.ts';
import { CertificateWatch } from '../../../src/daemon/certificate/certificate-watch.ts';
import type { CertificateAndKey } from '../../../src/listener/tls/server-identity.ts';
import { readValidity } from '../../../src/model/tls/certificate-validity.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../../fixtures/certificates.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

const LOOK_MS = 10_000;
const DAY_MS = 86_400_000;

let ca: CertificateAuthority;
let first: ServerCertificate;
let second: ServerCertificate;
before(async () => {
  ca = await createCertificateAuthority();
  [first, second] = await Promise.all([ca.issue(['first.example']), ca.issue(['second.example'])]);
});
after(() => ca[Symbol.asyncDispose]());

function read(certificatePath: string, keyPath: string): TlsConfig {
  const parsed = readCertificateAndKey(certificatePath, keyPath);
  assert.ok('value' in parsed);
  return parsed.value;
}

/** A watch of copies of the first certificate and its key. */
class Rig implements AsyncDisposable {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly clock: ManualClock;
  readonly log: (readonly [level: string, event: string])[] = [];
  readonly presented: CertificateAndKey[] = [];
  readonly watch: CertificateWatch;
  readonly #stack: AsyncDisposableStack;

  private constructor(directory: string, startMs: number, stack: AsyncDisposableStack) {
    this.certificatePath = join(directory, 'cert.pem');
    this.keyPath = join(directory, 'key.pem');
    this.clock = new ManualClock(startMs);
    const logger = {
      log: (level: string, event: string) => void this.log.push([level, event]),
      [Symbol.dispose]: () => {},
    };
    const identity = { replace: (material: CertificateAndKey) => void this.presented.push(material) };
    this.watch = stack.use(
      new CertificateWatch({ clock: this.clock, logger, identity }, read(this.certificatePath, this.keyPath)),
    );
    this.#stack = stack;
  }

  /** @param untilExpiryMs how long the first certificate is valid at the start */
  static async create(untilExpiryMs?: number): Promise<Rig> {
    const stack = new AsyncDisposableStack();
    const directory = stack.use(await createTemporaryDirectory());
    await copyFile(first.certificatePath, join(directory.path, 'cert.pem'));
    await copyFile(first.keyPath, join(directory.path, 'key.pem'));
    const { fromEpochMs, untilEpochMs } = readValidity(await readFile(first.certificatePath, 'utf8'));
    return new Rig(directory.path, untilExpiryMs === undefined ? fromEpochMs : untilEpochMs - untilExpiryMs, stack);
  }

  get events(): readonly string[] {
    return this.log.map(([, event]) => event);
  }

  look(times = 1): void {
    this.clock.advance(times * LOOK_MS);
  }

  async install({ certificatePath, keyPath }: ServerCertificate): Promise<void> {
    await copyFile(certificatePath, `${this.certificatePath}.new`);
    await copyFile(keyPath, `${this.keyPath}.new`);
    await rename(`${this.certificatePath}.new`, this.certificatePath);
    await rename(`${this.keyPath}.new`, this.keyPath);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

test('unchanged files change nothing and are not mentioned', async () => {
  await using rig = await Rig.create();
  rig.look(10);
  assert.deepEqual([rig.presented, rig.log], [[], []]);
});

test('a renewed certificate is presented within ten seconds, with one line in the log', async () => {
  await using rig = await Rig.create();
  rig.look();
  await rig.install(second);
  rig.look();
  const [presented, ...others] = rig.presented;
  assert.equal(presented?.certificate.trim(), (await readFile(second.certificatePath, 'utf8')).trim());
  assert.deepEqual(others, []);
  assert.deepEqual(rig.log, [['info', 'certificate_replaced']]);
  assert.deepEqual(rig.watch.validity, readValidity(await readFile(second.certificatePath, 'utf8')));
  rig.look(10);
  assert.equal(rig.log.length, 1);
});

test('a file that is written again with the same content is not another certificate', async () => {
  await using rig = await Rig.create();
  rig.look();
  await rig.install(first);
  rig.look(3);
  assert.deepEqual([rig.presented, rig.log], [[], []]);
});

test('a symbolic link that is replaced by another, as certbot does, is a renewal', async () => {
  await using rig = await Rig.create();
  const links = [
    [rig.certificatePath, first.certificatePath, second.certificatePath],
    [rig.keyPath, first.keyPath, second.keyPath],
  ] as const;
  for (const [path, target] of links) {
    await rm(path);
    await symlink(target, path);
  }
  rig.look();
  assert.deepEqual(rig.log, []);
  for (const [path, , target] of links) {
    await symlink(target, `${path}.new`);
    await rename(`${path}.new`, path);
  }
  rig.look();
  assert.deepEqual(rig.events, ['certificate_replaced']);
});

test('a half-written renewal is tolerated for one look, and used when it is complete', async () => {
  await using rig = await Rig.create();
  rig.look();
  await copyFile(second.certificatePath, rig.certificatePath);
  rig.look();
  assert.deepEqual([rig.presented, rig.log], [[], []]);
  await copyFile(second.keyPath, rig.keyPath);
  rig.look();
  assert.equal(rig.presented.length, 1);
  assert.deepEqual(rig.events, ['certificate_replaced']);
});

test('after a warning, the next renewal may be half-written for one look again', async () => {
  await using rig = await Rig.create();
  await writeFile(rig.keyPath, '');
  rig.look(3);
  assert.deepEqual(rig.events, ['certificate_kept']);
  await copyFile(second.keyPath, rig.keyPath);
  rig.look();
  await copyFile(second.certificatePath, rig.certificatePath);
  rig.look();
  assert.deepEqual(rig.events, ['certificate_kept', 'certificate_replaced']);
});

test('files that cannot be used are warned of once, and used as soon as they are right', async () => {
  await using rig = await Rig.create();
  const breaks: Readonly<Record<string, () => Promise<unknown>>> = {
    'a key of another certificate': () => copyFile(second.keyPath, rig.keyPath),
    'no certificate': () => writeFile(rig.certificatePath, ''),
    'no file': () => rm(rig.keyPath, { force: true }),
    'a key that others can read': async () => {
      await copyFile(first.keyPath, rig.keyPath);
      await copyFile(first.certificatePath, rig.certificatePath);
      await chmod(rig.keyPath, 0o644);
    },
  };
  for (const [name, breakFiles] of Object.entries(breaks)) {
    const earlier = rig.log.length;
    await breakFiles();
    rig.look(10);
    assert.deepEqual(rig.log.slice(earlier), [['warn', 'certificate_kept']], name);
    assert.deepEqual(rig.presented, [], name);
  }
  await chmod(rig.keyPath, 0o600);
  await rig.install(second);
  rig.look();
  assert.equal(rig.presented.length, 1);
});

test('a reload presents the certificate of the configuration, and its files are watched from then on', async () => {
  await using rig = await Rig.create();
  await using others = await createTemporaryDirectory();
  const [certificatePath, keyPath] = [join(others.path, 'cert.pem'), join(others.path, 'key.pem')];
  await copyFile(second.certificatePath, certificatePath);
  await copyFile(second.keyPath, keyPath);
  rig.look();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only part that is read
  const config = { encrypted: { tls: read(certificatePath, keyPath) } } as Config;
  const apply = await rig.watch.prepare(config);
  assert.deepEqual(rig.presented, []);
  assert.equal(apply(), undefined);
  assert.equal(rig.presented.length, 1);
  assert.deepEqual(rig.events, ['certificate_replaced']);

  await rig.install(second);
  rig.look(3);
  assert.equal(rig.presented.length, 1);
  await copyFile(first.certificatePath, certificatePath);
  await copyFile(first.keyPath, keyPath);
  rig.look();
  assert.equal(rig.presented.length, 2);
});

test('a reload that read the files before a renewal does not undo it', async () => {
  await using rig = await Rig.create();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only part that is read
  const config = { encrypted: { tls: read(rig.certificatePath, rig.keyPath) } } as Config;
  const apply = await rig.watch.prepare(config);
  await rig.install(second);
  rig.look();
  apply();
  rig.look();
  assert.equal(rig.presented.at(-1)?.certificate.trim(), (await readFile(second.certificatePath, 'utf8')).trim());
});

test('a reload without a certificate keeps the one that the open listeners present', async () => {
  await using rig = await Rig.create();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only part that is read
  const apply = await rig.watch.prepare({ encrypted: { tls: undefined } } as Config);
  apply();
  rig.look(3);
  assert.deepEqual([rig.presented, rig.log], [[], []]);
});

test('a certificate that needs renewal is warned of at the start and daily until it is renewed', async () => {
  await using rig = await Rig.create(1.5 * DAY_MS);
  assert.deepEqual(rig.log, [['warn', 'certificate_expiring']]);
  rig.clock.advance(DAY_MS);
  rig.clock.advance(DAY_MS);
  assert.deepEqual(rig.events, ['certificate_expiring', 'certificate_expiring', 'certificate_expired']);
});

test('a clock before the certificate begins is warned of, for clients refuse it then', async () => {
  await using rig = await Rig.create(10 * DAY_MS);
  assert.deepEqual(rig.log, [['warn', 'certificate_expired']]);
});

test('nothing is left to do after the end', async () => {
  const rig = await Rig.create();
  await rig[Symbol.asyncDispose]();
  assert.equal(rig.clock.pendingTimers, 0);
});
