// Writes FILE.gz beside every file that gets smaller by it, so that the appliance compresses nothing
// while it serves, and holds the first load to its budget.
import { readdirSync, readFileSync, writeFileSync, statSync } from 'node:fs';
import { join, extname } from 'node:path';
import { gzipSync, constants } from 'node:zlib';

const BUDGET = 150 * 1000;
const dist = process.argv[2];
const packed = new Set(['.woff2', '.gz']);

function* files(dir) {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else if (!packed.has(extname(name))) yield path;
  }
}

let first = 0;
for (const path of files(dist)) {
  const plain = readFileSync(path);
  const small = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
  if (small.length < plain.length) writeFileSync(`${path}.gz`, small);
  first += Math.min(small.length, plain.length);
}
console.log(`web: ${first} bytes compressed without fonts, of ${BUDGET}`);
if (first > BUDGET) {
  console.error(`web: the first load is over its budget by ${first - BUDGET} bytes`);
  process.exit(1);
}
