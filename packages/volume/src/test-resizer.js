// A writer that gives a file one length after the other, as fast as the system does it, until it is
// killed. Arguments: the file, and the lengths.

import { ftruncateSync, openSync } from 'node:fs';

const [path = '', ...lengths] = process.argv.slice(2);
const file = openSync(path, 'r+');
process.stdout.write('resizing\n');
for (;;) for (const length of lengths) ftruncateSync(file, Number(length));
