// A tenant that runs code as the owner of its tree: swaps entries of the directory it starts in for
// others, as fast as the system does it, until it is killed. Arguments: pairs of names.

import koffi from 'koffi';

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
const renameat2 = koffi.load(null).func('int renameat2(int, str, int, str, unsigned int)');

const names = process.argv.slice(2);
process.stdout.write('swapping\n');
for (;;) {
  for (let index = 0; index < names.length; index += 2) {
    renameat2(AT_FDCWD, names[index], AT_FDCWD, names[index + 1], RENAME_EXCHANGE);
  }
}
