// A model that is held as a folder of parts, as the files of a Hugging Face folder: weights are read while they are written. Refuses what the weights' reading
// and their writing refuse.
import type { DroppedModel } from '../formats/dropped.ts';
import { modelFolder } from '../formats/hfFolder.ts';
import type { OutputFile } from '../formats/outputFile.ts';
import { toFloat32 } from '../formats/safetensors.ts';

export function folderFiles({
  config,
  weights,
  tokenizerFiles,
}: Pick<DroppedModel, 'config' | 'weights' | 'tokenizerFiles'>): OutputFile[] {
  const tensors = [...weights.tensors].map(([name, { shape }]) => ({
    name,
    shape,
    read: async () => {
      const elements = shape.reduce((product, size) => product * size, 1);
      const { bytes, dtype } = await weights.read(name, 0, elements);
      return toFloat32(bytes, dtype);
    },
  }));
  return modelFolder({ config, tensors, tokenizerFiles });
}
