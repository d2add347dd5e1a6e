/** The element of index.html with this id. Throws if there is none. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element ${id}`);
  return element;
}

export interface ElementInit {
  readonly className?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Creates an element with the given children. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  init: ElementInit = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (init.className !== undefined) element.className = init.className;
  if (init.text !== undefined) element.textContent = init.text;
  for (const [name, value] of Object.entries(init.attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Sets an element's text only if it differs. Replacing equal text would make screen readers repeat it and would clear
 * the user's selection.
 */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Like {@link setText}, but shows command-line options (`--tor-socks`), `dns4tor pause 10m`, `dns4tor certificate` and
 * `sudo dns4tor install` as code, which does not wrap.
 */
export function setSentence(element: Element, text: string): void {
  if (element.textContent === text) return;
  const parts = text.split(/(--[a-z-]+|(?:sudo )?dns4tor (?:install|certificate|pause \d+[a-z]))/);
  element.replaceChildren(...parts.map((part, index) => (index % 2 === 0 ? part : create('code', { text: part }))));
}

/** Adds or removes children at the end until the parent has `count` of them, and returns them. */
export function resize<E extends Element>(
  parent: Element,
  count: number,
  createChild: (index: number) => E,
): readonly E[] {
  while (parent.children.length > count) parent.lastElementChild?.remove();
  while (parent.children.length < count) parent.append(createChild(parent.children.length));
  return [...parent.children] as E[];
}

/** Fills a table row with one cell per text. The first cell is the row's header. */
export function fillRow(row: HTMLTableRowElement, texts: readonly string[]): void {
  const cells = resize(row, texts.length, (index) =>
    index === 0 ? create('th', { attributes: { scope: 'row' } }) : create('td'),
  );
  for (const [index, cell] of cells.entries()) setText(cell, texts[index]!);
}

/** Gives a table a header row and returns its empty body. */
export function createTable(table: HTMLElement, headings: readonly string[]): HTMLTableSectionElement {
  const body = create('tbody');
  const head = headings.map((text) => create('th', { text, attributes: { scope: 'col' } }));
  table.replaceChildren(create('thead', {}, create('tr', {}, ...head)), body);
  return body;
}
