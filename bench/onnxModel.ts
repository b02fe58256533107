// An ONNX model of one MatMul node, y (M, N) = x (M, K) w (K, N) in f32, as the bytes of its protobuf message. Both factors are inputs, so the
// message is small whatever the shape. Field numbers are those of onnx.proto3.

type Part = number[];

/** Base-128, low group first. */
function varint(value: number): Part {
  const out: Part = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 128 : low);
  } while (rest > 0);
  return out;
}

const integer = (field: number, value: number): Part => [...varint(field << 3), ...varint(value)];
const bytes = (field: number, content: Part): Part => [...varint((field << 3) | 2), ...varint(content.length), ...content];
const text = (field: number, value: string): Part => bytes(field, [...new TextEncoder().encode(value)]);
const message = (field: number, ...parts: Part[]): Part => bytes(field, parts.flat());

const FLOAT = 1;
const IR_VERSION = 8;
const OPSET = 17;

/** ValueInfoProto: name, type { tensor_type { elem_type, shape { dim { dim_value } } } }. */
const value = (field: number, name: string, shape: readonly number[]): Part =>
  message(
    field,
    text(1, name),
    message(2, message(1, integer(1, FLOAT), message(2, ...shape.map((size) => message(1, integer(1, size)))))),
  );

export function matmulModel({ M, N, K }: { M: number; N: number; K: number }): Uint8Array {
  const node = message(1, text(1, 'x'), text(1, 'w'), text(2, 'y'), text(3, 'product'), text(4, 'MatMul'));
  const graph = message(7, node, text(2, 'matmul'), value(11, 'x', [M, K]), value(11, 'w', [K, N]), value(12, 'y', [M, N]));
  return Uint8Array.from([integer(1, IR_VERSION), graph, message(8, text(1, ''), integer(2, OPSET))].flat());
}
