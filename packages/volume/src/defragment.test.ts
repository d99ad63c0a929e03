import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { open, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { rootLayout } from './layout.ts';
import { findGrounds } from './test-grounds.ts';
import { TestVolume } from './test-volume.ts';
import type { Volume } from './volume.ts';

const pageBytes = 8192;
const fileBytes = 8 * 2 ** 20;
const pages = fileBytes / pageBytes;
const noLimit = { maxBytes: Number.MAX_SAFE_INTEGER };

const grounds = (await findGrounds()).filter(({ obstacle }) => !obstacle);
const scattering = grounds.filter(({ driver }) => driver === 'reflink');

for (const ground of process.platform === 'linux' ? scattering : []) {
  describe(`defragmenting a tree of a ${ground.name} volume`, () => {
    it('puts scattered files together and changes no byte', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const content = await scatteredTree(volume);
      const first = await volume.defragment('a', noLimit);
      expect(first.extents).toBeGreaterThan(pages / 2);
      expect(first).toMatchObject({ rewrittenBytes: fileBytes, scatteredBytes: 0 });
      const second = await volume.defragment('a', noLimit);
      expect(second.extents).toBeLessThanOrEqual(fileBytes / 2 ** 18);
      expect(second).toMatchObject({ rewrittenBytes: 0, scatteredBytes: 0 });
      expect(await digest(volume)).toBe(content);
      await volume.clone('a', 'c');
      expect(await volume.defragment('c', noLimit)).toEqual(second);
      expect(await readdir(rootLayout(volume.root).incoming)).toEqual([]);
    });

    it('writes no more than it may, and begins where it helps most', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const path = await volume.create('a');
      await writeFile(join(path, 'file'), randomBytes(fileBytes));
      await volume.sync('a');
      await volume.clone('a', 'b');
      // The last mebibyte more densely than the others.
      const last = pages - 128;
      await overwrite(volume, (page) => page % (page >= last ? 2 : 8) === 0);
      const before = await volume.defragment('a', { maxBytes: 0 });
      expect(before).toMatchObject({ rewrittenBytes: 0, scatteredBytes: fileBytes });
      const done = await volume.defragment('a', { maxBytes: 2 ** 20 });
      const left = fileBytes - 2 ** 20;
      expect(done).toMatchObject({ rewrittenBytes: 2 ** 20, scatteredBytes: left });
      const { extents } = await volume.defragment('a', { maxBytes: 0 });
      expect(before.extents - extents).toBeGreaterThan(120);
    });

    it('loses nothing that is written meanwhile', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      await scatteredTree(volume);
      const content = await readFile(fileOf(volume, 'a'));
      const file = await open(fileOf(volume, 'a'), 'r+');
      const state = { defragmenting: true };
      const defragment = async () => {
        for (let round = 0; round < 10; round++) {
          await volume.defragment('a', noLimit);
          await volume.clone('a', `point${round}`);
        }
        state.defragmenting = false;
      };
      const write = async () => {
        for (let page = 0; state.defragmenting; page = (page + 37) % pages) {
          const bytes = randomBytes(pageBytes);
          bytes.copy(content, page * pageBytes);
          await file.write(bytes, 0, pageBytes, page * pageBytes);
          if (page % 16 === 0) await file.datasync();
        }
      };
      await Promise.all([defragment(), write()]);
      await file.close();
      expect(await digest(volume)).toBe(hash(content));
    });

    it('may be cancelled or killed at any moment', async () => {
      await using test = await TestVolume.open(ground);
      const { volume } = test;
      const content = await scatteredTree(volume);
      const gone = new Error('the host stops');
      const controller = new AbortController();
      const options = { ...noLimit, signal: controller.signal };
      const both = [volume.defragment('a', options), volume.defragment('a', options)];
      controller.abort(gone);
      const refused = { status: 'rejected', reason: gone };
      expect(await Promise.allSettled(both)).toEqual([refused, refused]);

      const scratch = rootLayout(volume.root).incoming;
      const job = { kind: 'defragment', path: volume.path('a'), scratch, maxBytes: fileBytes };
      const script = fileURLToPath(new URL('./test-killed-job.js', import.meta.url));
      // Between the replacement of one window and the next.
      const child = execFile(process.execPath, [script, JSON.stringify(job), '45']);
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
      expect(await readdir(scratch)).toEqual([]);
      expect(await digest(volume)).toBe(content);
    });
  });
}

describe.each(grounds)('defragmenting a tree of a $name volume', (ground) => {
  it('that is missing is refused', async () => {
    await using test = await TestVolume.open(ground);
    const missing = expect.objectContaining({ code: 'tree_missing' });
    await expect(test.volume.defragment('a', noLimit)).rejects.toThrow(missing);
  });
});

it.each(grounds.filter(({ driver }) => driver !== 'reflink'))(
  'a $name volume has no need to be defragmented',
  async (ground) => {
    await using test = await TestVolume.open(ground);
    await scatteredTree(test.volume);
    const nothing = { extents: 0, rewrittenBytes: 0, scatteredBytes: 0 };
    expect(await test.volume.defragment('a', noLimit)).toEqual(nothing);
  },
);

const fileOf = (volume: Volume, tree: string) => join(volume.path(tree), 'file');

/** A tree whose file has every other page somewhere else, as writes to a clone leave it. */
async function scatteredTree(volume: Volume): Promise<string> {
  await writeFile(join(await volume.create('a'), 'file'), randomBytes(fileBytes));
  await volume.sync('a');
  await volume.clone('a', 'b');
  await overwrite(volume, (page) => page % 2 === 0);
  return digest(volume);
}

async function digest(volume: Volume): Promise<string> {
  return hash(await readFile(fileOf(volume, 'a')));
}

function hash(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function overwrite(volume: Volume, isChosen: (page: number) => boolean): Promise<void> {
  const file = await open(fileOf(volume, 'a'), 'r+');
  const bytes = randomBytes(pageBytes);
  for (let page = 0; page < pages; page++) {
    if (isChosen(page)) await file.write(bytes, 0, pageBytes, page * pageBytes);
  }
  await file.sync();
  await file.close();
}
