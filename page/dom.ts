/** The element of index.html with this id. */
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

/** Leaves alone what is right already: a screen reader reads what changes, and a selection ends with the text it is in. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** As {@link setText}, with options of the command line (`--tor-socks`) as code, which is not broken at its hyphens. */
export function setSentence(element: Element, text: string): void {
  if (element.textContent === text) return;
  const parts = text.split(/(--[a-z-]+)/);
  element.replaceChildren(...parts.map((part, index) => (index % 2 === 0 ? part : create('code', { text: part }))));
}

/** Makes the parent have `count` children, made and taken at the end, and returns them. */
export function resize<E extends Element>(parent: Element, count: number, make: (index: number) => E): readonly E[] {
  while (parent.children.length > count) parent.lastElementChild?.remove();
  while (parent.children.length < count) parent.append(make(parent.children.length));
  return [...parent.children] as E[];
}

/** A row of as many cells as there are texts, the first of which heads it. */
export function fillRow(row: HTMLTableRowElement, texts: readonly string[]): void {
  const cells = resize(row, texts.length, (index) =>
    index === 0 ? create('th', { attributes: { scope: 'row' } }) : create('td'),
  );
  for (const [index, cell] of cells.entries()) setText(cell, texts[index]!);
}

/** A table's head and its body without rows. */
export function createTable(table: HTMLElement, headings: readonly string[]): HTMLTableSectionElement {
  const body = create('tbody');
  const head = headings.map((text) => create('th', { text, attributes: { scope: 'col' } }));
  table.replaceChildren(create('thead', {}, create('tr', {}, ...head)), body);
  return body;
}
