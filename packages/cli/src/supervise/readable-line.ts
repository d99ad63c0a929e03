const SHOWN_LEVELS: readonly unknown[] = ['warn', 'error', 'fatal'];
const HIDDEN_FIELDS = new Set(['level', 'time', 'msg', 'process', 'pid', 'err']);

/**
 * Renders a line of a process' log for the terminal; `undefined` for what is no news there: below
 * `warn`. A line that is no log record, such as a crash report of Node, is shown as it is.
 */
export function readableLine(processName: string, line: string): string | undefined {
  const record = parse(line);
  if (!record) return `${processName}: ${line}`;
  if (!SHOWN_LEVELS.includes(record['level'])) return undefined;
  const time = String(record['time']).slice(11, 19);
  const fields = Object.entries(record)
    .filter(([name]) => !HIDDEN_FIELDS.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const words = [time, record['level'], `${processName}:`, record['msg'], ...fields];
  return [words.join(' '), ...errorChain(record['err'])].join(': ');
}

function errorChain(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return [];
  const { message } = error as { message?: unknown };
  return typeof message === 'string' ? [message] : [];
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
