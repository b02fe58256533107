// What a file is by its first bytes, for the kinds that are refused, unpacked or told apart. Pickles are only recognised, never read: they execute code.
import { FormatError, quote } from './formatError.ts';

export type Magic = 'pickle' | 'zip' | 'gguf' | 'parquet' | 'hdf5' | 'image or document' | null;

export const HEAD_BYTES = 512;

/** @param head the first bytes of the file, HEAD_BYTES of them where it has as many. */
export function sniff(path: string, head: Uint8Array): Magic {
  const ascii = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return 'pickle';
  if (/\.(pkl|pickle|pt|pth|ckpt)$/i.test(path)) return 'pickle';
  // torch.save writes a zip whose first entry is <name>/data.pkl.
  if (ascii.startsWith('PK\x03\x04')) return /^[^\0]*data\.pkl/.test(ascii.slice(30)) ? 'pickle' : 'zip';
  if (ascii.startsWith('GGUF')) return 'gguf';
  if (ascii.startsWith('PAR1')) return 'parquet';
  if (ascii.startsWith('\x89HDF')) return 'hdf5';
  if (/^(\x89PNG|\xff\xd8\xff|GIF8|%PDF)/.test(ascii)) return 'image or document';
  return null;
}

/** Throws the FormatError that says why such a file is refused and how to convert it; 'zip', 'gguf', 'parquet' and null pass. */
export function refuseMagic(file: string, magic: Magic): void {
  switch (magic) {
    case 'pickle':
      throw new FormatError(
        `${quote(file)} is a Python pickle, which can run any code when it is opened, so it is refused unread. A model is converted with ` +
          'transformers: AutoModelForCausalLM.from_pretrained("folder").save_pretrained("out", safe_serialization=True); then drop the folder "out".',
      );
    case 'hdf5':
      throw new FormatError(
        `${quote(file)} is an HDF5 file, which is not read. Save the model with save_pretrained(safe_serialization=True).`,
      );
    case 'image or document':
      throw new FormatError(`${quote(file)} is an image or a document; models, datasets and recipes are read.`);
    default:
  }
}
