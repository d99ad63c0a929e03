import type { JsonObject, OpenApiDocument, OpenApiOperation } from '@pgfleet/contract';
import { escapeHtml, fieldRow, schemaHtml } from './schema-html.ts';

/*
 * The OpenAPI document as one page for people. It needs no script and fetches nothing, so that it
 * works without a network and under the strictest content security policy.
 */

/** Renders a document as HTML. */
export function documentPage(document: OpenApiDocument): string {
  const { info, tags } = document;
  const operations = listOperations(document);
  const groups = tags.map(({ name }) => ({
    name,
    operations: operations.filter(({ operation }) => operation.tags.includes(name)),
  }));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(info.title)} API</title>
<style>${style}</style>
<nav>${groups.map(navigation).join('\n')}</nav>
<main>
<h1>${escapeHtml(info.title)} API <small>${escapeHtml(info.version)}</small></h1>
<p>${escapeHtml(info.description)} For programs: <a href="openapi.json">openapi.json</a>.</p>
<p>Every call but these two carries <code>Authorization: Bearer &lt;key&gt;</code>. <b>*</b> marks what
must be given.</p>
${groups.map(section).join('\n')}
<h2>Schemas</h2>
${Object.entries(document.components.schemas).map(component).join('\n')}
</main>
`;
}

interface Located {
  readonly method: string;
  readonly path: string;
  readonly operation: OpenApiOperation;
}

interface Group {
  readonly name: string;
  readonly operations: readonly Located[];
}

function listOperations({ paths }: OpenApiDocument): Located[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

function navigation({ name, operations }: Group): string {
  const items = operations.map(
    ({ operation: { operationId } }) =>
      `<li><a href="#${escapeHtml(operationId)}">${escapeHtml(operationId)}</a>`,
  );
  return `<h3>${escapeHtml(name)}</h3><ul>${items.join('')}</ul>`;
}

function section({ name, operations }: Group): string {
  return `<h2>${escapeHtml(name)}</h2>\n${operations.map(operationHtml).join('\n')}`;
}

function operationHtml({ method, path, operation }: Located): string {
  const { operationId, summary, parameters, requestBody, responses } = operation;
  const body = requestBody?.content['application/json'].schema;
  return `<article id="${escapeHtml(operationId)}">
<h3><code>${method} ${escapeHtml(path)}</code></h3>
<p>${escapeHtml(summary)} <small>${escapeHtml(operationId)}</small></p>
<details><summary>Parameters</summary><table>${parameters.map(parameterRow).join('')}</table></details>
${body ? `<details><summary>Body${requestBody.required ? ' <b>*</b>' : ''}</summary>${schemaHtml(body)}</details>` : ''}
${Object.entries(responses).map(responseHtml).join('\n')}
</article>`;
}

function parameterRow(parameter: JsonObject): string {
  const {
    name,
    in: place,
    required,
    description,
    schema,
  } = parameter as {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: JsonObject;
  };
  const words = [`in the ${place}`, ...(description ? [description] : [])].join(': ');
  return fieldRow(name, { ...schema, description: words }, required);
}

function responseHtml([status, response]: [string, OpenApiOperation['responses'][string]]): string {
  const schema = response.content?.['application/json'].schema;
  const title = status === 'default' ? 'Errors' : `Answer ${escapeHtml(status)}`;
  return `<details><summary>${title}</summary>${schema ? schemaHtml(schema) : '<p>no body</p>'}</details>`;
}

function component([name, schema]: [string, JsonObject]): string {
  return `<article id="schema-${escapeHtml(name)}"><h3>${escapeHtml(name)}</h3>${schemaHtml(schema)}</article>`;
}

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; grid-template-columns: 17rem minmax(0, 60rem); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; box-sizing: border-box; }
nav ul { list-style: none; padding: 0; margin: 0; }
nav h3 { margin: 1rem 0 .2rem; }
main { padding: 1rem 2rem 50vh; }
article { border-top: 1px solid #8885; padding: .3rem 0; }
table { border-collapse: collapse; margin: .3rem 0; }
td { border: 1px solid #8885; padding: .2rem .5rem; vertical-align: top; }
small { opacity: .7; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; } }
`;
