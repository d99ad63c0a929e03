import { runCommand } from '../command.ts';

/** Returns the loop devices that have an image open, on whichever path they know it by. */
export async function loopDevicesOf(image: string): Promise<string[]> {
  const output = await runCommand('losetup', ['--noheadings', '--output=NAME', '-j', image]);
  return output.split('\n').filter(Boolean);
}

/**
 * Opens an image as a loop device, or returns the device that has it open already: two devices over
 * one image would be two caches over one file system, and destroy it.
 */
export async function attachLoopDevice(image: string): Promise<string> {
  const args = ['--find', '--show', '--nooverlap'];
  // Direct I/O saves a second copy of every page in memory; not all file systems below allow it.
  const device = await runCommand('losetup', [...args, '--direct-io=on', image]).catch(() =>
    runCommand('losetup', [...args, image]),
  );
  return device.trim();
}

/** Lets go of a loop device: at once when it is unused, else with the unmount that ends its use. */
export async function detachLoopDevice(device: string): Promise<void> {
  await runCommand('losetup', ['--detach', device]);
}
