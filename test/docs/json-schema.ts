import type { Schema } from '../../scripts/docs/config-schema.ts';

/** Whether a value fits a JSON schema, of which it knows the keywords in {@link Schema}. */
export function fits(schema: Schema, value: unknown): boolean {
  const { anyOf, enum: choices } = schema;
  if (anyOf !== undefined && !anyOf.some((one) => fits(one, value))) return false;
  if (choices !== undefined && !choices.includes(value)) return false;
  return hasType(schema.type, value) && isInBounds(schema, value);
}

function hasType(type: Schema['type'], value: unknown): boolean {
  if (type === undefined) return true;
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object' && (Array.isArray(value) || value instanceof Date || value === null)) return false;
  return typeof value === type;
}

function isInBounds(schema: Schema, value: unknown): boolean {
  const { minimum = -Infinity, maximum = Infinity, minLength = 0, pattern = '' } = schema;
  if (typeof value === 'number') return value >= minimum && value <= maximum;
  if (typeof value === 'string') return value.length >= minLength && new RegExp(pattern, 'u').test(value);
  if (Array.isArray(value)) {
    const { items = {}, minItems = 0, maxItems = Infinity } = schema;
    return value.length >= minItems && value.length <= maxItems && value.every((item) => fits(items, item));
  }
  if (typeof value !== 'object' || value === null) return true;
  const { properties = {}, additionalProperties = true } = schema;
  return Object.entries(value).every(([key, one]) => {
    const property = properties[key];
    if (property !== undefined) return fits(property, one);
    return typeof additionalProperties === 'boolean' ? additionalProperties : fits(additionalProperties, one);
  });
}
