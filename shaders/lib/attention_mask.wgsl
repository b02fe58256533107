// Who sees whom. spans[row] = (start, end, pinLo, pinHi), positions within the batch row: position i sees the keys j of its document
// [start, end) with j <= i inside the window (i - j < W; W = 0 means all) and, before those, the pinned range [pinLo, pinHi) as far as it
// lies in the document. A key in both ranges counts once. Position i always sees itself.
fn windowStart(i: u32, W: u32) -> u32 {
  if (W == 0u || i + 1u <= W) { return 0u; }
  return i + 1u - W;
}

struct Seen {
  // Keys from first to i are seen.
  first: u32,
  // And pinCount keys from pinStart on, all before first.
  pinStart: u32,
  pinCount: u32,
}

fn seenFrom(i: u32, W: u32, span: vec4<u32>) -> Seen {
  let first = min(max(span.x, windowStart(i, W)), i);
  let pinStart = min(max(span.z, span.x), first);
  return Seen(first, pinStart, max(min(span.w, first), pinStart) - pinStart);
}

fn sees(j: u32, i: u32, s: Seen) -> bool {
  return j <= i && (j >= s.first || (j >= s.pinStart && j < s.pinStart + s.pinCount));
}

// The pinned ranges (lo, hi) of several queries as one; begin with (0xffffffff, 0).
fn joinPins(pins: vec2<u32>, s: Seen) -> vec2<u32> {
  if (s.pinCount == 0u) { return pins; }
  return vec2<u32>(min(pins.x, s.pinStart), max(pins.y, s.pinStart + s.pinCount));
}

// The positions from j to this (itself not one of them) may see key j, whose document ends at `end`. Without pins all of them do.
fn seersEnd(j: u32, T: u32, W: u32, end: u32, pinned: u32) -> u32 {
  let last = min(max(end, j + 1u), T);
  if (pinned == 0u && W > 0u) { return min(last, j + W); }
  return last;
}

// Whether i sees j, both of one document, j <= i.
fn seesInside(i: u32, j: u32, W: u32, span: vec4<u32>) -> bool {
  return W == 0u || i - j < W || (j >= span.z && j < span.w);
}
