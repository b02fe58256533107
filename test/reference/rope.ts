// Rotary positions in plain float64, half-split pairs (d, d + D/2) as in Hugging Face transformers.
// Promises that the backward is the transpose of the forward. Refuses nothing.

/**
 * Rotates the first `rotated` of `heads` heads of each row: x (R, heads * D), angle = position * theta^(-2d / D), d < D/2.
 * direction 1 is the forward pass, -1 the backward pass applied to dx.
 */
export function rope(
  x: Float64Array,
  positions: ArrayLike<number>,
  shape: { heads: number; rotated: number; D: number; theta: number },
  direction: 1 | -1 = 1,
): Float64Array {
  const { heads, rotated, D, theta } = shape;
  const y = x.slice();
  for (let r = 0; r < positions.length; r++) {
    for (let h = 0; h < rotated; h++) {
      for (let d = 0; d < D / 2; d++) {
        const angle = positions[r]! * theta ** ((-2 * d) / D);
        const cos = Math.cos(angle);
        const sin = direction * Math.sin(angle);
        const at = (r * heads + h) * D + d;
        const a = x[at]!;
        const b = x[at + D / 2]!;
        y[at] = a * cos - b * sin;
        y[at + D / 2] = b * cos + a * sin;
      }
    }
  }
  return y;
}
