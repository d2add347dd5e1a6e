import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface Block {
  readonly language: string;
  readonly text: string;
  /** Where it begins, as in `README.md:12`. */
  readonly place: string;
  /** The heading above it, without its `#` marks. */
  readonly section: string;
}

export interface Link {
  readonly target: string;
  readonly isImage: boolean;
  readonly place: string;
}

export interface Page {
  /** Relative to the checkout. */
  readonly path: string;
  readonly lines: readonly string[];
  /** With their `#` marks. */
  readonly headings: readonly string[];
  readonly links: readonly Link[];
  readonly blocks: readonly Block[];
  /** Without code blocks. */
  readonly prose: string;
}

/** README.md, the other pages beside it, and docs. */
export const PAGES: readonly Page[] = ['*.md', 'docs/*.md']
  .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  .toSorted()
  .map(readPage);

export function pageAt(path: string): Page {
  const page = PAGES.find((one) => one.path === path);
  if (page === undefined) throw new Error(`there is no page ${path}`);
  return page;
}

/** The only block of a language in a section of a page. */
export function blockAt(path: string, section: string, language: string): string {
  const found = pageAt(path).blocks.filter((block) => block.section === section && block.language === language);
  const [block] = found;
  if (block === undefined || found.length > 1) {
    throw new Error(`${path} has ${found.length} blocks of ${language} under "${section}"`);
  }
  return block.text;
}

function readPage(path: string): Page {
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n');
  const blocks: Block[] = [];
  const prose: string[] = [];
  let section = '';
  let open: { fence: string; language: string; lines: string[]; place: string } | undefined;
  for (const [index, line] of lines.entries()) {
    const fence = /^\s*(?<fence>```+)(?<language>\w*)$/.exec(line)?.groups;
    if (open === undefined && fence !== undefined) {
      open = {
        fence: fence['fence'] ?? '',
        language: fence['language'] ?? '',
        lines: [],
        place: `${path}:${index + 1}`,
      };
    } else if (open !== undefined && line.trim() === open.fence) {
      blocks.push({ language: open.language, text: dedent(open.lines), place: open.place, section });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else {
      prose.push(line);
      if (/^#{1,6} /.test(line)) section = line.replace(/^#+ /, '');
    }
  }
  if (open !== undefined) throw new Error(`${open.place}: the code block has no end`);
  const text = prose.join('\n');
  return {
    path,
    lines,
    headings: prose.filter((line) => /^#{1,6} /.test(line)),
    links: linksOf(path, text),
    blocks,
    prose: text,
  };
}

function dedent(lines: readonly string[]): string {
  const indent = Math.min(...lines.filter((line) => line !== '').map((line) => line.search(/\S|$/)));
  return lines.map((line) => line.slice(Number.isFinite(indent) ? indent : 0)).join('\n');
}

function linksOf(path: string, text: string): Link[] {
  // In inline code there are no links.
  const visible = text.replaceAll(/`[^`]*`/g, (code) => 'x'.repeat(code.length));
  return [...visible.matchAll(/(?<mark>!?)\[[^\]]*\]\((?<target>[^)\s]+)\)/g)].map(({ groups, index }) => ({
    target: groups?.['target'] ?? '',
    isImage: groups?.['mark'] === '!',
    place: `${path}, link ${visible.slice(0, index).split('\n').at(-1)?.slice(0, 40) ?? ''}…`,
  }));
}

/** A link's target relative to the checkout, without its anchor. Undefined for one to another site. */
export function targetPath(page: Page, { target }: Link): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = ''] = target.split('#', 1);
  return file === '' ? page.path : join(dirname(page.path), file);
}

/** The anchors of a page, made of its headings as GitHub does. */
export function anchorsOf({ headings }: Page): ReadonlySet<string> {
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, '')
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
