import assert from 'node:assert/strict';
import { test } from 'node:test';

type Packages = Readonly<Record<string, { readonly integrity?: string; readonly optional?: boolean }>>;
interface Prepare {
  readonly isInstalled: (wanted: Packages, installed: Packages | undefined) => boolean;
}

// Plain JavaScript without declarations: a name that the compiler does not see keeps it from asking for them.
const PREPARE = new URL('../../bin/prepare.js', import.meta.url).href;
const { isInstalled }: Prepare = await import(PREPARE);

const WANTED: Packages = {
  '': {},
  'node_modules/a': { integrity: 'sha512-a' },
  'node_modules/other-system': { integrity: 'sha512-o', optional: true },
};

test('packages are installed when each that is not optional is there, at its hash', () => {
  assert.equal(isInstalled(WANTED, { 'node_modules/a': { integrity: 'sha512-a' } }), true);
  assert.equal(isInstalled(WANTED, { ...WANTED }), true);
});

test('a missing, another or an additional package means that they are not', () => {
  assert.equal(isInstalled(WANTED, undefined), false);
  assert.equal(isInstalled(WANTED, {}), false);
  assert.equal(isInstalled(WANTED, { 'node_modules/a': { integrity: 'sha512-b' } }), false);
  assert.equal(isInstalled(WANTED, { ...WANTED, 'node_modules/b': {} }), false);
  assert.equal(isInstalled(WANTED, { ...WANTED, 'node_modules/other-system': { integrity: 'sha512-p' } }), false);
});
