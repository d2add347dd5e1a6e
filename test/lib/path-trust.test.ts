import assert from 'node:assert/strict';
import { chmod, chown, lchown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findUntrusted, findUntrustedIn } from '../../src/lib/path-trust.ts';
import { createFileSystem } from '../../src/system/transaction/file-system.ts';
import { asOtherUser, OTHER_USER, UNKNOWN_USER } from '../fixtures/process/other-user.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { failWith } from '../system/failing-file-system.ts';

/** Root is needed to give files to other users. */
const needsRoot = { skip: process.getuid?.() !== 0 };

async function createFolders(
  ...modes: readonly number[]
): Promise<{ path: string; folders: string[] } & AsyncDisposable> {
  const directory = await createTemporaryDirectory();
  const folders: string[] = [];
  let { path } = directory;
  for (const mode of modes) {
    path = join(path, 'folder');
    await mkdir(path);
    await chmod(path, mode);
    folders.push(path);
  }
  return { path, folders, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test("a path owned by root or the process's user is trusted, even if parts of it do not exist", async () => {
  await using own = await createFolders(0o755, 0o700);
  assert.equal(findUntrusted(own.path), undefined);
  assert.equal(findUntrusted(join(own.path, 'new', 'file')), undefined);
  assert.equal(findUntrusted('/'), undefined);
  assert.equal(findUntrusted('/dev/null'), undefined);
  assert.equal(findUntrusted('/proc/self/fd/1'), undefined);
});

for (const mode of [0o777, 0o775, 0o757, 0o2775]) {
  // For users other than root, the group may be a private one.
  const options = mode === 0o777 || mode === 0o757 ? {} : needsRoot;
  test(`a directory of mode ${mode.toString(8)} is reported, wherever it is on the path`, options, async () => {
    await using above = await createFolders(mode, 0o755);
    assert.match(
      findUntrusted(join(above.path, 'new')) ?? '',
      new RegExp(`^${above.folders[0]} .*${mode.toString(8)}\\)`),
    );
    await using itself = await createFolders(0o755, mode);
    assert.match(findUntrusted(itself.path) ?? '', new RegExp(`^${itself.folders[1]} `));
  });
}

test('a world-writable directory with the sticky bit is trusted: nobody can replace files of others in it', async () => {
  await using sticky = await createFolders(0o1777, 0o700);
  assert.equal(findUntrusted(join(sticky.path, 'new')), undefined);
});

test('a directory or file of another user is reported, also inside a sticky directory', needsRoot, async () => {
  await using folders = await createFolders(0o1777, 0o755);
  await chown(folders.path, UNKNOWN_USER, UNKNOWN_USER);
  assert.equal(findUntrusted(join(folders.path, 'new')), `${folders.path} belongs to user ${UNKNOWN_USER}`);
  await chown(folders.path, 0, 0);
  const file = join(folders.path, 'file');
  await writeFile(file, '');
  assert.equal(findUntrusted(file), undefined);
  await chown(file, UNKNOWN_USER, UNKNOWN_USER);
  assert.equal(findUntrusted(file), `${file} belongs to user ${UNKNOWN_USER}`);
});

test('symbolic links are followed; their owner and their targets are checked', needsRoot, async () => {
  await using safe = await createFolders(0o755);
  await using open = await createFolders(0o777, 0o755);
  const link = join(safe.path, 'link');
  await symlink(open.path, link);
  assert.match(findUntrusted(join(link, 'new')) ?? '', new RegExp(`^${open.folders[0]} `));
  const relative = join(safe.path, 'relative');
  await symlink(`../../${open.path.split('/').slice(2).join('/')}/../folder`, relative);
  assert.match(findUntrusted(relative) ?? '', new RegExp(`^${open.folders[0]} `));
  const his = join(safe.path, 'his');
  await symlink(safe.path, his);
  assert.equal(findUntrusted(join(his, 'new')), undefined);
  await lchown(his, UNKNOWN_USER, UNKNOWN_USER);
  assert.equal(findUntrusted(join(his, 'new')), `${his} belongs to user ${UNKNOWN_USER}`);
  const loop = join(safe.path, 'loop');
  await symlink(loop, loop);
  assert.equal(findUntrusted(loop), undefined);
});

test(
  "a private group of the user may write, and any group in root's directories if the caller allows that",
  needsRoot,
  async () => {
    await using folders = await createFolders(0o755, 0o775);
    await chmod(join(folders.path, '../..'), 0o755);
    await chown(folders.path, OTHER_USER, OTHER_USER);
    const { setegid } = process;
    setegid?.(OTHER_USER);
    try {
      await asOtherUser(async () => assert.equal(findUntrusted(folders.path), undefined));
    } finally {
      setegid?.(0);
    }
    await asOtherUser(async () => assert.match(findUntrusted(folders.path) ?? '', /0775\)$/));
    await chown(folders.path, 0, OTHER_USER);
    assert.equal(findUntrusted(folders.path, { groupsOfRoot: true }), undefined);
    await chmod(folders.path, 0o777);
    assert.match(findUntrusted(folders.path, { groupsOfRoot: true }) ?? '', /0777\)$/);
  },
);

test('a path is judged by the part that can be examined', async () => {
  const files = createFileSystem();
  const closed = failWith(files, { inspect: 'EACCES' }, (path) => path.startsWith('/proc/1/'));
  assert.equal(await findUntrustedIn(closed, '/proc/1/cwd/file'), undefined);
});

test('another file system is judged by the same rules, starting at its own root', async () => {
  await using folders = await createFolders(0o755, 0o777);
  const inside = createFileSystem(folders.folders[0]);
  assert.equal(await findUntrustedIn(inside, '/new'), undefined);
  assert.equal(await findUntrustedIn(inside, '/folder/new'), '/folder can be written to by others (mode 0777)');
  await symlink('/folder', join(folders.folders[0] ?? '', 'link'));
  assert.equal(await findUntrustedIn(inside, '/link/new'), '/folder can be written to by others (mode 0777)');
});
