import { readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { sep } from 'node:path';

/** A line of mountinfo, as far as it matters here. */
export interface Mount {
  readonly mountPoint: string;
  readonly fileSystem: string;
  readonly source: string;
}

const maxHolders = 5;

/** Returns what is mounted on a path, in this process' mount namespace. See proc_pid_mountinfo(5). */
export async function findMount(path: string): Promise<Mount | undefined> {
  const mountPoint = await realpath(path).catch(() => path);
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return table
    .split('\n')
    .map(parseMount)
    .findLast((mount) => mount?.mountPoint === mountPoint);
}

/** Names a few processes that keep a mount busy by a working directory or an open file. */
export async function mountHolders(mountPoint: string): Promise<string[]> {
  const prefix = mountPoint + sep;
  const holders: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (holders.length === maxHolders) break;
    const paths = await usedPaths(pid);
    if (!paths.some((path) => path === mountPoint || path.startsWith(prefix))) continue;
    const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?');
    holders.push(`${command.trim()} (pid ${pid})`);
  }
  return holders;
}

function parseMount(line: string): Mount | undefined {
  const [before, after] = line.split(' - ');
  const mountPoint = before?.split(' ')[4];
  const [fileSystem, source] = after?.split(' ') ?? [];
  if (!mountPoint || !fileSystem || !source) return undefined;
  return { mountPoint: unescapeOctal(mountPoint), fileSystem, source: unescapeOctal(source) };
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_match, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  );
}

// Processes end while they are looked at; what cannot be read is not counted.
async function usedPaths(pid: string): Promise<string[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = ['cwd', 'root', ...descriptors.map((fd) => `fd/${fd}`)];
  return Promise.all(links.map((link) => readlink(`/proc/${pid}/${link}`).catch(() => '')));
}
