import { FILE_KEYS, FILE_TABLES, type OptionKey, optionSpec } from '../../src/config/options.ts';
import { choicesOf, parseValue } from '../../src/config/parse/kinds.ts';
import { describeKey } from './config-file.ts';

/** The part of JSON Schema that the configuration needs; older drafts know all of it. */
export interface Schema {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
}

const TEXT: Schema = { type: 'string', minLength: 1 };
const NUMBER = '[0-9]{1,15}(\\.[0-9]{1,6})? ?';

/** systemd/dns4tor.schema.json. The bounds of sizes and durations that are texts are in their description only. */
export function renderConfigSchema(): string {
  return `${JSON.stringify(configSchema(), undefined, 2)}\n`;
}

export function configSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of dns4tor',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(FILE_KEYS.map((key) => [key, schemaOf(key)])),
      ...Object.fromEntries([...FILE_TABLES].map(([name, key]) => [name, tableSchema(key)])),
    },
  };
}

/** A nested table is a name without quotes: `corp.example = …` is the table `corp` with the key `example`. */
function tableSchema(key: OptionKey): Schema {
  const nested: Schema = { type: 'object' };
  return {
    description: describeKey(key),
    type: 'object',
    additionalProperties: { anyOf: [TEXT, { type: 'array', items: TEXT }, nested] },
  };
}

function schemaOf(key: OptionKey): Schema {
  const { list, default: text } = optionSpec(key);
  const description = describeKey(key);
  const fallback = text === undefined ? {} : { default: defaultOf(key, text) };
  if (list === undefined) return { description, ...fallback, ...valueSchema(key) };
  // An option with a default cannot be set to nothing.
  const minItems = text === undefined ? 0 : 1;
  const array: Schema = { type: 'array', items: TEXT, minItems, maxItems: list.maxItems };
  return { description, ...fallback, anyOf: [array, TEXT] };
}

/** As the loader has it: numbers and booleans may also be texts. */
function valueSchema(key: OptionKey): Schema {
  const { kind } = optionSpec(key);
  const choices = choicesOf(kind);
  if (choices.length > 0) return { enum: choices.flatMap((choice) => [choice, ...numberOf(choice)]) };
  if (kind === 'boolean') return { anyOf: [{ type: 'boolean' }, { enum: ['true', 'false'] }] };
  if (kind === 'integer') {
    return {
      anyOf: [
        { type: 'integer', ...boundsOf(key) },
        { type: 'string', pattern: '^[0-9]{1,15}$' },
      ],
    };
  }
  if (kind === 'bytes') {
    const unit = '([kKmMgG]([iI]?[bB])?|[bB])?';
    return {
      anyOf: [
        { type: 'integer', ...boundsOf(key) },
        { type: 'string', pattern: `^${NUMBER}${unit}$` },
      ],
    };
  }
  if (kind === 'duration') return { type: 'string', pattern: `^${NUMBER}([mM][sS]|[sSmMhHdD])$` };
  return TEXT;
}

/** TOML reads `1.3` as a number, which the loader takes. */
function numberOf(choice: string): readonly number[] {
  return /^[\d.]+$/.test(choice) ? [Number(choice)] : [];
}

function boundsOf(key: OptionKey): Schema {
  const { kind, min, max } = optionSpec(key);
  const numeric = (bound: string): number => {
    const parsed = parseValue(kind, bound, {});
    if ('problem' in parsed || typeof parsed.value !== 'number') throw new Error(`${key}: ${bound} is no number`);
    return parsed.value;
  };
  return {
    ...(min === undefined ? {} : { minimum: numeric(min) }),
    ...(max === undefined ? {} : { maximum: numeric(max) }),
  };
}

function defaultOf(key: OptionKey, text: string): unknown {
  const { kind, list } = optionSpec(key);
  if (list !== undefined) return [text];
  if (kind === 'integer') return Number(text);
  return kind === 'boolean' ? text === 'true' : text;
}
