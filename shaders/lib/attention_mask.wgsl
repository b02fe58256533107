// Who sees whom: position i of a sequence sees j <= i inside the window (i - j < W; W = 0 means all) and, beyond it, the pinned range
// [pinLo[i], pinHi[i]): the content of the latest thought. A key in both ranges counts once.
fn windowStart(i: u32, W: u32) -> u32 {
  if (W == 0u || i + 1u <= W) { return 0u; }
  return i + 1u - W;
}
