// What every matmul kernel is told: sizes, row strides and offsets in elements, and the number of parts that K is cut into.
// MODE 0 stores, 1 adds to what is there, 2 adds the residual r (laid out as y), 3 adds the row r (N, from rOffset) to every row. It is a
// constant: a load in a branch not taken still costs on CPU adapters.
override MODE: u32 = 0u;
struct Args {
  M: u32, N: u32, K: u32, lda: u32, ldb: u32, ldy: u32, aOffset: u32, bOffset: u32, yOffset: u32, rOffset: u32, parts: u32,
}
@group(0) @binding(0) var<uniform> args: Args;
