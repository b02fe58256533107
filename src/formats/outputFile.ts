// A file that is made while it is written: its size is known, its bytes come in pieces, so that a model is never in memory twice.
// Refuses nothing; an error while a piece is made comes out of the iteration.

export interface OutputFile {
  name: string;
  sizeBytes: number;
  /** May be iterated again, then the bytes are made again. Each piece is valid until the next one. */
  pieces(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

export function fixedFile(name: string, content: Uint8Array | string): OutputFile {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : (content as Uint8Array<ArrayBuffer>);
  return {
    name,
    sizeBytes: bytes.length,
    async *pieces() {
      yield bytes;
    },
  };
}

/** All bytes of a file, for what is small or wanted whole. */
export async function collect(file: OutputFile): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(file.sizeBytes);
  let position = 0;
  for await (const piece of file.pieces()) {
    bytes.set(piece, position);
    position += piece.length;
  }
  return bytes;
}
