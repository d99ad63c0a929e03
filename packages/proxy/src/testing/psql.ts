import { execFile } from 'node:child_process';

export type PsqlResult = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** Runs one command in the real `psql`; `connection` are libpq keywords. */
export function psql(
  connection: Readonly<Record<string, string | number>>,
  sql: string,
): Promise<PsqlResult> {
  const dsn = Object.entries({ connect_timeout: 20, ...connection })
    .map(([key, value]) => `${key}='${String(value).replaceAll("'", "\\'")}'`)
    .join(' ');
  return new Promise((resolve) => {
    execFile(
      'psql',
      ['-XAtq', '-d', dsn, '-c', sql],
      { env: cleanEnv() },
      (error, stdout, stderr) => {
        const exitCode = typeof error?.code === 'number' ? error.code : 0;
        resolve({ exitCode, stdout: stdout.trim(), stderr: stderr.trim() });
      },
    );
  });
}

function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
}
