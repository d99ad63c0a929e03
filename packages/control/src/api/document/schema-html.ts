import type { JsonObject } from '@pgfleet/contract';

/** Text as it is safe anywhere in a page. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** A schema as a table of its fields, or in words where it has none. */
export function schemaHtml(schema: JsonObject): string {
  const properties = schema['properties'] as Readonly<Record<string, JsonObject>> | undefined;
  if (!properties || Object.keys(properties).length === 0) return `<p>${typeHtml(schema)}</p>`;
  const required = (schema['required'] ?? []) as readonly string[];
  const rows = Object.entries(properties).map(([name, field]) => {
    const isNeeded = required.includes(name) && field['default'] === undefined;
    return fieldRow(name, field, isNeeded);
  });
  return `<table>${rows.join('')}</table>`;
}

/** A field or a parameter as a row of a table. */
export function fieldRow(name: string, schema: JsonObject, isNeeded: boolean): string {
  const description = schema['description'];
  const words = typeof description === 'string' ? `<br>${escapeHtml(description)}` : '';
  const inner = innerSchema(schema);
  return `<tr><td><code>${escapeHtml(name)}</code>${isNeeded ? ' <b title="required">*</b>' : ''}</td>
<td>${typeHtml(schema)}${words}${inner ? schemaHtml(inner) : ''}</td></tr>`;
}

// Fields that are shown in place, since the schema that has them has no name.
function innerSchema(schema: JsonObject): JsonObject | undefined {
  const items = schema['items'] as JsonObject | undefined;
  return [schema, items].find((each) => each?.['properties'] !== undefined);
}

function typeHtml(schema: JsonObject): string {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const name = escapeHtml(reference.replace('#/components/schemas/', ''));
    return `<a href="#schema-${name}">${name}</a>`;
  }
  const variants = schema['anyOf'] as readonly JsonObject[] | undefined;
  if (variants) return variants.map(typeHtml).join(' or ');
  const values = schema['enum'] as readonly unknown[] | undefined;
  if (values) return `${values.map(jsonHtml).join(', ')}${limitsHtml(schema)}`;
  if (schema['const'] !== undefined) return jsonHtml(schema['const']);
  const items = schema['items'] as JsonObject | undefined;
  if (items) return `array of ${typeHtml(items)}${limitsHtml(schema)}`;
  const value = schema['additionalProperties'] as JsonObject | undefined;
  if (value) return `map to ${typeHtml(value)}`;
  const { type } = schema;
  return `${typeof type === 'string' ? escapeHtml(type) : 'any'}${limitsHtml(schema)}`;
}

const limits = {
  format: '',
  minimum: '≥ ',
  maximum: '≤ ',
  minLength: 'at least characters: ',
  maxLength: 'at most characters: ',
  maxItems: 'at most items: ',
  pattern: 'matches ',
  default: 'default ',
} as const;

function limitsHtml(schema: JsonObject): string {
  const words = Object.entries(limits)
    .filter(([keyword]) => schema[keyword] !== undefined)
    .map(([keyword, prefix]) => `${prefix}${escapeHtml(String(schema[keyword]))}`);
  return words.length > 0 ? ` <small>(${words.join('; ')})</small>` : '';
}

function jsonHtml(value: unknown): string {
  return `<code>${escapeHtml(JSON.stringify(value))}</code>`;
}
