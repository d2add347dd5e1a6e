import { readFile } from 'node:fs/promises';

const DASHBOARD = new URL('../../contrib/grafana/dns4tor.json', import.meta.url);

/** A panel of Grafana's dashboard model, as far as the tests need it. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

export interface Variable {
  readonly name: string;
  readonly allValue: string;
  readonly definition: string;
  readonly query: { readonly query: string };
}

export interface Dashboard {
  readonly __inputs: readonly { readonly name: string; readonly type: string; readonly pluginId: string }[];
  readonly __requires: readonly { readonly type: string; readonly id: string }[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly panels: readonly Panel[];
}

export async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(DASHBOARD, 'utf8')) as Dashboard;
}

/** The expression that Grafana sends with every job and instance selected. */
export function expressionOf(expr: string, rateInterval: string): string {
  return expr.replaceAll('$__rate_interval', rateInterval).replaceAll(/\$(?:job|instance)\b/g, '.+');
}

/** The selector and the label from which Grafana takes the choices of a variable. */
export function choicesOf({ definition }: Variable): { readonly selector: string; readonly label: string } {
  const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
  return { selector, label };
}

export interface Selector {
  /** The metric's name, without the suffix of a histogram's series. */
  readonly metric: string;
  readonly isBucket: boolean;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** The selectors of an expression that select metrics of dns4tor. */
export function selectorsOf(expr: string): readonly Selector[] {
  return [...expr.matchAll(/\b((?:dns4tor|coredns|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', text = '']) => ({
      metric: name.replace(/_(?:bucket|sum|count)$/, ''),
      isBucket: name.endsWith('_bucket'),
      matchers: [...text.matchAll(/(\w+)(?:=~|!=|=)"([^"]*)"/g)].map(([, label = '', values = '']) => ({
        label,
        values: values.split('|'),
      })),
    }),
  );
}

/** The labels of an expression's result, given those of its series. */
export function labelsLeft(expr: string, labels: readonly string[]): readonly string[] {
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
  if (grouped.length > 0) return grouped;
  return /\b(?:sum|count|max|min)\s*\(/.test(expr) ? [] : labels;
}

/** Pairs of panels that overlap. */
export function overlaps(panels: readonly Panel[]): string[] {
  return panels.flatMap((panel, index) =>
    panels
      .slice(index + 1)
      .filter(({ gridPos: other }) => {
        const { x, y, w, h } = panel.gridPos;
        return x < other.x + other.w && other.x < x + w && y < other.y + other.h && other.y < y + h;
      })
      .map(({ title }) => `${panel.title} and ${title}`),
  );
}
