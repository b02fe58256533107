// The span of a row where every batch row is one document without pins (args.spanned = 0), else spans[row].
fn spanOf(row: u32) -> vec4<u32> {
  if (args.spanned == 0u) { return vec4<u32>(0u, args.T, 0u, 0u); }
  return spans[row];
}
