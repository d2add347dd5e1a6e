import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitNotes } from '../../src/cli/help.ts';

const NOTES = `
A paragraph that was written for terminals
of some width.

Examples:
  dns4tor short --flag   what that does, in words
                         which go on below it
  dns4tor no-meaning
`;

test('notes are unchanged if they fit', () => {
  assert.equal(fitNotes(NOTES, 80), NOTES);
});

test('on a narrow terminal, paragraphs are wrapped, and descriptions go below their examples', () => {
  assert.equal(
    fitNotes(NOTES, 34),
    `
A paragraph that was written for
terminals of some width.

Examples:
  dns4tor short --flag
          what that does, in words
          which go on below it
  dns4tor no-meaning
`,
  );
});
