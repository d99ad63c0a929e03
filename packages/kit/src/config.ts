import type { Static, TObject } from 'typebox';
import { Value } from 'typebox/value';

/** Thrown by {@link readConfig}; the message lists every problem, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads a process' configuration from environment variables.
 *
 * Property names of the schema are the variables' names; text is converted to the declared types,
 * defaults are filled in, an empty variable counts as unset, and other variables are ignored.
 *
 * @throws ConfigError naming every variable that is missing or wrong.
 */
export function readConfig<Schema extends TObject>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): Readonly<Static<Schema>> {
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(schema.properties)) {
    if (env[name]) given[name] = env[name];
  }
  const value = Value.Convert(schema, Value.Default(schema, given));
  if (Value.Check(schema, value)) return Object.freeze(value);
  throw new ConfigError(describe(schema, value).join('\n'));
}

interface ErrorParams {
  readonly requiredProperties?: readonly string[];
  readonly allowedValues?: readonly unknown[];
}

function describe(schema: TObject, value: unknown): string[] {
  const seen = new Set<string>();
  for (const error of Value.Errors(schema, value)) {
    const params = error.params as ErrorParams;
    const names = params.requiredProperties ?? [error.instancePath.split('/')[1] ?? ''];
    const allowed = params.allowedValues && `must be one of ${params.allowedValues.join(', ')}`;
    const problem = params.requiredProperties ? 'must be set' : (allowed ?? error.message);
    for (const name of names) seen.add(`${name}: ${problem}`);
  }
  return [...seen];
}
