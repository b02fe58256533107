// LoRA adapters: those that PEFT wrote merge to what PEFT merges, are written as they were, and what is more than LoRA is refused.
import { describe, expect, test } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { parseConfig } from '../../../src/formats/config.ts';
import { blocksOf } from '../../../src/formats/families.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { readPeft, writePeft } from '../../../src/formats/peft.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { familyFolder, LORA_FOLDERS, loraFolder, openSafetensors, openWeights, readText } from '../../support/goldenFolder.ts';

async function load(name: string) {
  const { base } = JSON.parse(readText(loraFolder(name), 'golden/golden.json')) as { base: string };
  const { architecture } = parseConfig(readText(familyFolder(base), 'config.json'));
  const config = readText(loraFolder(name), 'adapter_config.json');
  const weights = await openSafetensors(loraFolder(name), 'adapter_model.safetensors');
  return { base, architecture, config, weights };
}

describe.each(LORA_FOLDERS)('%s', (name) => {
  test('merges to the weights that PEFT merges', async () => {
    const { base, architecture, config, weights } = await load(name);
    const adapter = await readPeft(architecture, config, weights);
    const merged = await openSafetensors(loraFolder(name), 'golden/merged.safetensors');
    const before = await openWeights(familyFolder(base));
    const parts = blocksOf(architecture).flatMap((block) => block.parts);
    expect([...adapter.layers.keys()].sort()).toEqual([...merged.tensors.keys()].sort());
    const { rank, alpha } = adapter;
    const { heads: H, headDim: D } = architecture;
    let worst = 0;
    for (const [weight, { a, b }] of adapter.layers) {
      const { layout } = parts.find((part) => part.name === weight)!;
      const [have, wanted] = [await before.readFloat32(weight), await merged.readFloat32(weight)];
      const [outs, ins] = [b.length / rank, a.length / rank];
      for (let blockRow = 0; blockRow < outs; blockRow++) {
        const [kind, head, d] = [Math.floor(blockRow / (H * D)), Math.floor(blockRow / D) % H, blockRow % D];
        const row = layout === 'headMajorQkv' ? (head * 3 + kind) * D + d : blockRow;
        for (let column = 0; column < ins; column++) {
          const at = layout === 'transposed' ? column * outs + row : row * ins + column;
          let product = 0;
          for (let r = 0; r < rank; r++) product += b[blockRow * rank + r]! * a[r * ins + column]!;
          worst = Math.max(worst, Math.abs(have[at]! + (alpha / rank) * product - wanted[at]!));
        }
      }
    }
    expect(worst).toBeLessThan(1e-5);
  });

  test('is written with the tensors and settings that PEFT wrote', async () => {
    const { architecture, config, weights } = await load(name);
    const adapter = await readPeft(architecture, config, weights);
    const files = await writePeft(architecture, adapter);
    expect([...files.keys()]).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    const written = await readSafetensors(fromBytes('adapter', files.get('adapter_model.safetensors')!));
    expect([...written.tensors.keys()].sort()).toEqual([...weights.tensors.keys()].sort());
    for (const [tensor, { shape }] of weights.tensors) {
      expect(written.tensors.get(tensor)!.shape).toEqual(shape);
      expect(await written.readFloat32(tensor)).toEqual(await weights.readFloat32(tensor));
    }
    const text = new TextDecoder().decode(files.get('adapter_config.json'));
    const [ours, theirs] = [JSON.parse(text), JSON.parse(config)];
    for (const key of ['peft_type', 'task_type', 'r', 'lora_dropout', 'bias', 'fan_in_fan_out']) expect(ours[key]).toEqual(theirs[key]);
    expect(ours.target_modules.sort()).toEqual(theirs.target_modules.sort());
    const scale = theirs.lora_alpha / (theirs.use_rslora ? Math.sqrt(theirs.r) : theirs.r);
    expect(ours.lora_alpha / ours.r).toBeCloseTo(scale, 12);
    expect(await readPeft(architecture, text, written)).toEqual(adapter);
  });
});

test('what is more than LoRA, or of another model, is refused with every reason', async () => {
  const { architecture, config, weights } = await load('llama3');
  const refusal = async (changes: Record<string, unknown>, shape = architecture) => {
    const error = await readPeft(shape, JSON.stringify({ ...JSON.parse(config), ...changes }), weights).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    return (error as FormatError).message;
  };
  const all = await refusal({
    peft_type: 'IA3',
    use_dora: true,
    bias: 'all',
    modules_to_save: ['lm_head'],
    rank_pattern: { q_proj: 4 },
    init_lora_weights: 'pissa',
    task_type: 'SEQ_CLS',
    lora_dropout: 2,
  });
  for (const part of [
    'peft_type "IA3"',
    'use_dora true',
    'bias "all"',
    'modules_to_save',
    'rank_pattern',
    '"pissa" changes the base',
    'SEQ_CLS',
  ]) {
    expect(all).toContain(part);
  }
  expect(all).toContain('lora_dropout 2');
  expect(await refusal({ r: 0 })).toContain('r 0 is not an integer');
  expect(await refusal({ r: 5 })).toMatch(/lora_A.weight" is \[4,32\] instead of \[5,32\]/);
  expect(await refusal({}, { ...architecture, layers: 1 })).toContain('belongs to no linear layer of this model');
  for (const text of ['', '[]', '{', 'x'.repeat(1_000_001)])
    await expect(readPeft(architecture, text, weights)).rejects.toBeInstanceOf(FormatError);
  const layers = new Map([['model.embed_tokens.weight', { a: new Float32Array(1), b: new Float32Array(1) }]]);
  await expect(writePeft(architecture, { rank: 1, alpha: 1, dropout: 0, targets: [], layers })).rejects.toBeInstanceOf(FormatError);
});
