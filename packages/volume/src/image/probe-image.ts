import { access, readFile, statfs } from 'node:fs/promises';
import { missingCommands } from '../command.ts';
import type { Finding } from '../tree-driver.ts';
import { imageFormats } from './image-format.ts';
import type { ImageFormat } from './image-format.ts';

const adminCapabilityBit = 21n;
// The rest is for what else is on the disk: control's database, logs, the image's own overhead.
const shareOfFreeSpace = 0.9;

/** How large an image in a directory may be: a share of what is free there now. */
export async function imageSizeFor(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return Math.floor((bavail * bsize * shareOfFreeSpace) / 2 ** 20) * 2 ** 20;
}

/** Says whether an image could be made and mounted here, without trying it. */
export async function probeImage(directory: string, format: ImageFormat): Promise<Finding> {
  const no = (reason: string): Finding => ({ works: false, reason });
  if (process.platform !== 'linux') return no('images are mounted on Linux only');
  if (!(await mayMount())) return no('mounting an image needs root');
  const { mkfs, package: tools, minBytes } = imageFormats[format];
  const missing = await missingCommands(mkfs, 'losetup', 'mount', 'umount');
  if (missing.length > 0) {
    return no(`not installed: ${missing.join(', ')} (packages ${tools} and util-linux or mount)`);
  }
  const loops = await access('/dev/loop-control').then(
    () => true,
    () => false,
  );
  if (!loops) return no('there are no loop devices (/dev/loop-control)');
  if ((await imageSizeFor(directory)) < minBytes) return no('too little free space for an image');
  return { works: true, reason: `an image with ${format} can be mounted` };
}

// Root in a container may lack the capability, so the uid alone says too little.
async function mayMount(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> adminCapabilityBit) & 1n) === 1n;
}
