import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillSections, renderTable } from '../../scripts/docs/markdown.ts';

test('each section is put between its markers, and the rest of the page stays', () => {
  const sections = { first: () => 'new\n', second: () => '```text\nexample\n```\n' };
  const page = 'before\n<!-- first -->\nold\n<!-- /first -->\nbetween\n<!-- second -->\n<!-- /second -->\nafter\n';
  const once = fillSections(page, sections);
  const [first, second] = [
    '<!-- first -->\nnew\n<!-- /first -->',
    '<!-- second -->\n```text\nexample\n```\n<!-- /second -->',
  ];
  assert.equal(once, `before\n${first}\nbetween\n${second}\nafter\n`);
  assert.equal(fillSections(once, sections), once);
});

test('a section that nothing renders, or that has no end, is an error', () => {
  assert.throws(() => fillSections('<!-- unknown -->\n<!-- /unknown -->', {}));
  assert.throws(() => fillSections('<!-- open -->\n', { open: () => '' }));
});

test('a table has one line for each row, and a bar in a cell is escaped', () => {
  assert.equal(renderTable(['a', 'b'], [['1|2', '']]), '| a | b |\n|---|---|\n| 1\\|2 | |\n');
});
