import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderDiff } from '../../../src/system/transaction/diff.ts';
import type { FileState } from '../../../src/system/transaction/file-state.ts';

function file(text: string): FileState {
  return { kind: 'file', bytes: Buffer.from(text), mode: 0o644, uid: 0, gid: 0 };
}

const path = '/etc/some.conf';

test('lines added at the end have three lines of context', () => {
  assert.equal(
    renderDiff({ path, before: file('1\n2\n3\n4\n5\n'), after: file('1\n2\n3\n4\n5\n6\n') }),
    '--- /etc/some.conf\n+++ /etc/some.conf\n@@ -3,3 +3,4 @@\n 3\n 4\n 5\n+6\n',
  );
});

test('a change in the middle has context on both sides', () => {
  assert.equal(
    renderDiff({ path, before: file('1\n2\n3\n4\n5\n6\n7\n8\n9\n'), after: file('1\n2\n3\n4\nfive\n6\n7\n8\n9\n') }),
    '--- /etc/some.conf\n+++ /etc/some.conf\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n',
  );
});

test('a new file is compared with /dev/null', () => {
  assert.equal(
    renderDiff({ path, before: { kind: 'absent' }, after: file('1\n2\n') }),
    '--- /dev/null\n+++ /etc/some.conf\n@@ -0,0 +1,2 @@\n+1\n+2\n',
  );
});

test('a symbolic link is shown by its target', () => {
  assert.equal(
    renderDiff({ path, before: { kind: 'symlink', target: '../run/x' }, after: file('1\n') }),
    '--- /etc/some.conf (symbolic link)\n+++ /etc/some.conf\n@@ -1,1 +1,1 @@\n-../run/x\n+1\n',
  );
});

test('a missing newline at the end of the file is shown', () => {
  assert.equal(
    renderDiff({ path, before: file('1'), after: file('1\n2\n') }),
    '--- /etc/some.conf\n+++ /etc/some.conf\n@@ -1,1 +1,2 @@\n-1\n\\ No newline at end of file\n+1\n+2\n',
  );
});
