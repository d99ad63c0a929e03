import { randomBytes } from 'node:crypto';
import { access, open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, silentLogger } from '@pgfleet/kit';
import { describe, expect, it } from 'vitest';
import { imageFormats } from './image/image-format.ts';
import { makeImage } from './image/make-image.ts';
import { MountedImage } from './image/mounted-image.ts';
import { probeImage } from './image/probe-image.ts';
import { volumeLayout } from './layout.ts';
import { openVolume } from './open-volume.ts';
import { probeVolume } from './probe-volume.ts';
import { probeReflink } from './reflink/probe.ts';
import { TestDirectory, TestVolume } from './test-volume.ts';

const finding = await probeImage(tmpdir(), 'xfs');
const why = finding.works ? '' : ` (skipped: ${finding.reason})`;

describe('a volume that exists', () => {
  it('keeps the driver it was created with', async () => {
    await using test = await TestVolume.open({ driver: 'copy' });
    await test.volume.create('a');
    await test.reopen();
    expect(test.volume.driver).toBe('copy');
    expect(await test.volume.list()).toEqual(['a']);
  });

  it('is not opened with another driver', async () => {
    await using directory = await TestDirectory.create();
    await (await directory.open('copy'))[Symbol.asyncDispose]();
    await expect(directory.open('reflink')).rejects.toThrow(
      expect.objectContaining({
        code: 'driver_unavailable',
        message: expect.stringContaining('created with the driver copy'),
      }),
    );
    await using volume = await directory.open('auto');
    expect(volume.driver).toBe('copy');
  });

  it('is not touched when its record cannot be understood', async () => {
    await using directory = await TestDirectory.create();
    await writeFile(volumeLayout(directory.path).record, '{"version":2,"driver":"tape"}');
    await expect(directory.open('auto')).rejects.toThrow(/nothing was changed/);
    expect(await readdir(directory.path)).not.toContain('volume');
  });
});

describe('a probe', () => {
  it('says what a new volume would be and leaves no trace', async () => {
    await using directory = await TestDirectory.create();
    const probe = await probeVolume({ directory: join(directory.path, 'not', 'yet') });
    expect(probe).toMatchObject({ exists: false, copyOnWrite: probe.driver !== 'copy' });
    expect(probe.candidates.at(-1)).toMatchObject({ driver: 'copy', works: true });
    expect(await readdir(directory.path)).toEqual([]);
  });

  it('agrees with what is then opened', async () => {
    await using directory = await TestDirectory.create();
    const probe = await probeVolume({ directory: directory.path });
    await using volume = await directory.open('auto');
    expect(volume.driver).toBe(probe.driver);
    const { driver, exists } = await probeVolume({ directory: directory.path });
    expect({ driver, exists }).toEqual({ driver: volume.driver, exists: true });
  });

  it('of a copying volume advises what to do', async () => {
    await using test = await TestVolume.open({ driver: 'copy' });
    const probe = await probeVolume({ directory: test.directory.path });
    expect(probe).toMatchObject({ driver: 'copy', exists: true, copyOnWrite: false });
    expect(probe.advice.join()).toMatch(/XFS .* or btrfs/);
  });
});

describe.skipIf(!finding.works)(`a volume on an image${why}`, () => {
  for (const format of ['xfs', 'btrfs'] as const) {
    const { driver } = imageFormats[format];

    it(`of ${format} is mounted while it is open, and only then`, async () => {
      await using directory = await TestDirectory.create();
      const volume = await directory.open(driver);
      expect(await directory.leaks()).toHaveLength(2);
      await volume[Symbol.asyncDispose]();
      expect(await directory.leaks()).toEqual([]);
    });

    it(`of ${format} takes over the mount of a killed predecessor`, async () => {
      await using directory = await TestDirectory.create();
      const first = await directory.open(driver);
      await first.create('a');
      await first[Symbol.asyncDispose]();
      const { image, root } = volumeLayout(directory.path);
      await MountedImage.open({ image: image(format), mountPoint: root, format });
      await using volume = await directory.open(driver);
      expect(await volume.list()).toEqual(['a']);
      expect(await directory.leaks()).toHaveLength(2);
    });
  }

  it('that cannot be made is an error for who asked for it, and else a loud copy', async () => {
    await using directory = await TestDirectory.create();
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const log = createLogger({ process: 'test', level: 'warn', destination });
    const tooSmall = { directory: directory.path, log, imageBytes: 2 ** 20 };
    await expect(openVolume({ ...tooSmall, driver: 'reflink' })).rejects.toThrow(/mkfs\.xfs/);
    expect(lines).toEqual([]);
    await using volume = await openVolume({ ...tooSmall, driver: 'auto' });
    const clones = (await probeReflink(directory.path)).works;
    expect(volume.copyOnWrite).toBe(clones);
    expect(lines.join()).toMatch(clones ? /^$/ : /copies every byte/);
    expect(await readdir(directory.path)).not.toContain('volume.xfs');
  });

  it('throws half-made images away', async () => {
    await using directory = await TestDirectory.create();
    const image = volumeLayout(directory.path).image('xfs');
    await writeFile(`${image}.0123.tmp`, 'half');
    await writeFile(image, 'made by somebody who was killed before the volume was recorded');
    await using volume = await directory.open('reflink');
    await volume.create('a');
    const names = await readdir(directory.path);
    expect(names.sort()).toEqual(['volume', 'volume.json', 'volume.lock', 'volume.xfs']);
  });

  it('is not created anew when its image is lost', async () => {
    await using directory = await TestDirectory.create();
    await (await directory.open('reflink'))[Symbol.asyncDispose]();
    const image = volumeLayout(directory.path).image('xfs');
    await rm(image);
    await expect(directory.open('reflink')).rejects.toThrow(/volume\.xfs is missing/);
    await expect(access(image)).rejects.toThrow();
  });

  it('is as free as the disk below it at most', async () => {
    await using directory = await TestDirectory.create();
    await using volume = await openVolume({
      directory: directory.path,
      driver: 'reflink',
      log: silentLogger(),
      imageBytes: 2 ** 42,
    });
    const { totalBytes, freeBytes } = await volume.usage();
    expect(freeBytes).toBeLessThan(totalBytes / 2);
  });

  it('returns what was deleted to the disk below, under load and whoever else asks for it', async () => {
    await using test = await TestVolume.open({ driver: 'reflink' });
    const { volume } = test;
    const image = volumeLayout(test.directory.path).image('xfs');
    const onDisk = async () => (await stat(image)).blocks * 512;
    const content = randomBytes(2 ** 20);
    await writeFile(join(await volume.create('a'), 'file'), content);
    const deletedBytes = 64 * 2 ** 20;
    await writeFile(join(await volume.create('filler'), 'file'), randomBytes(deletedBytes));
    await volume.sync('filler');
    const before = await onDisk();
    await volume.remove('filler');
    await volume.sync('a');

    const trims = Promise.all([volume.trim(), volume.trim()]);
    const names = Array.from({ length: 20 }, (_, index) => `b${index}`);
    for (const name of names) {
      const { path } = await volume.clone('a', name);
      await writeFile(join(path, 'file'), content);
      await volume.sync(name);
    }
    await trims;
    expect(before - (await onDisk())).toBeGreaterThan(deletedBytes / 4);
    for (const name of names) {
      expect(content.equals(await readFile(join(volume.path(name), 'file')))).toBe(true);
    }
  });

  it('names who keeps it busy, and is unmounted once they are gone', async () => {
    await using directory = await TestDirectory.create();
    const image = join(directory.path, 'volume.xfs');
    await makeImage({ path: image, format: 'xfs', sizeBytes: 320 * 2 ** 20 });
    const options = { image, mountPoint: join(directory.path, 'volume'), format: 'xfs' } as const;
    const mounted = await MountedImage.open({ ...options, releaseTimeoutMs: 200 });
    const file = await open(join(mounted.mountPoint, 'file'), 'w');
    const busy = expect.objectContaining({
      code: 'busy',
      message: expect.stringContaining(`(pid ${process.pid})`),
    });
    await expect(mounted[Symbol.asyncDispose]()).rejects.toThrow(busy);
    await file.close();
    await mounted[Symbol.asyncDispose]();
    expect(await directory.leaks()).toEqual([]);
  });
});
