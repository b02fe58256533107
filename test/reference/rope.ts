// Rotary positions in plain float64, half-split pairs (d, d + rotaryDim/2) as in Hugging Face transformers.
// Promises that the backward is the transpose of the forward. Refuses nothing.

/**
 * Rotates the first rotaryDim dimensions (all D when left out) of the first `rotated` of `heads` heads of each row: x (R, heads * D),
 * angle = position * theta^(-2d / rotaryDim), d < rotaryDim/2.
 * direction 1 is the forward pass, -1 the backward pass applied to dx.
 */
export function rope(
  x: Float64Array,
  positions: ArrayLike<number>,
  shape: { heads: number; rotated: number; D: number; theta: number; rotaryDim?: number },
  direction: 1 | -1 = 1,
): Float64Array {
  const { heads, rotated, D, theta } = shape;
  const rotaryDim = shape.rotaryDim ?? D;
  const y = x.slice();
  for (let r = 0; r < positions.length; r++) {
    for (let h = 0; h < rotated; h++) {
      for (let d = 0; d < rotaryDim / 2; d++) {
        const angle = positions[r]! * theta ** ((-2 * d) / rotaryDim);
        const cos = Math.cos(angle);
        const sin = direction * Math.sin(angle);
        const at = (r * heads + h) * D + d;
        const a = x[at]!;
        const b = x[at + rotaryDim / 2]!;
        y[at] = a * cos - b * sin;
        y[at + rotaryDim / 2] = b * cos + a * sin;
      }
    }
  }
  return y;
}
