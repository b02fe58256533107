// The hash pcg4d in plain TypeScript, the twin of shaders/lib/pcg.wgsl.
// Promises the same four words for the same four. Refuses nothing.

export function pcg4(counter: readonly [number, number, number, number]): [number, number, number, number] {
  let [x, y, z, w] = counter.map((c) => (Math.imul(c, 1664525) + 1013904223) | 0) as [number, number, number, number];
  for (let round = 0; round < 2; round++) {
    if (round === 1) [x, y, z, w] = [x ^ (x >>> 16), y ^ (y >>> 16), z ^ (z >>> 16), w ^ (w >>> 16)];
    x = (x + Math.imul(y, w)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    w = (w + Math.imul(y, z)) | 0;
  }
  return [x >>> 0, y >>> 0, z >>> 0, w >>> 0];
}
