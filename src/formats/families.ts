// The supported families, and which tensors of their files make up the blocks of the parameter arena. Refuses nothing: config.ts has checked the
// Architecture, and whoever reads the file compares shapes.
import type { Architecture, BlockSpec, PartLayout, TensorPart } from './architecture.ts';
import type { Family, TensorNames } from './families/family.ts';
import { gemma3 } from './families/gemma3.ts';
import { gpt2 } from './families/gpt2.ts';
import { gptNeox } from './families/gptNeox.ts';
import { llama } from './families/llama.ts';
import { mistral } from './families/mistral.ts';
import { qwen2 } from './families/qwen2.ts';
import { qwen3 } from './families/qwen3.ts';
import { smollm3 } from './families/smollm3.ts';

export const FAMILIES: readonly Family[] = [llama, mistral, qwen2, qwen3, smollm3, gemma3, gpt2, gptNeox];

/** @param type model_type of an Architecture. */
export function familyOf(type: string): Family {
  const family = FAMILIES.find((each) => each.type === type);
  if (!family) throw new Error(`No model family ${type}.`);
  return family;
}

/** Every block in the order of the forward pass, with the tensors of the file that it is made of. */
export function blocksOf(a: Architecture): BlockSpec[] {
  const { names } = familyOf(a.family);
  const { hidden: C, intermediate: F, heads: H, kvHeads: K, headDim: D, vocabulary: V } = a;
  const blocks: BlockSpec[] = [];
  const add = (key: string, shape: number[], parts: TensorPart[]): void => void blocks.push({ key, shape, parts });
  const norm = (key: string, name: string): void => {
    add(key, [C], [part(names, `${name}.weight`, [C])]);
    if (a.norm.kind === 'layer') add(`${key}.bias`, [C], [part(names, `${name}.bias`, [C])]);
  };
  const linear = (key: string, modules: string[], rows: number[], columns: number, hasBias: boolean, layout: PartLayout): void => {
    const N = rows.reduce((sum, each) => sum + each, 0);
    const shapeOf = (n: number): number[] => (layout === 'transposed' ? [columns, n] : [n, columns]);
    add(
      key,
      [N, columns],
      modules.map((name, i) => part(names, `${name}.weight`, shapeOf(rows[i] as number), layout, lastOf(name))),
    );
    if (!hasBias) return;
    const biasLayout = layout === 'transposed' ? 'plain' : layout;
    add(
      `${key}.bias`,
      [N],
      modules.map((name, i) => part(names, `${name}.bias`, [rows[i] as number], biasLayout)),
    );
  };

  add('embed', [V, C], [part(names, `${names.embed}.weight`, [V, C])]);
  if (a.learnedPositions && names.positions)
    add('positions', [a.maxPositions, C], [part(names, `${names.positions}.weight`, [a.maxPositions, C])]);
  const qkvRows = names.qkv.length === 1 ? [(H + 2 * K) * D] : [H * D, K * D, K * D];
  const upRows = a.mlp.gated ? [F, F] : [F];
  for (let l = 0; l < a.layers; l++) {
    const at = (name: string): string => `${names.layers}.${l}.${name}`;
    norm(`${l}.norm1`, at(names.norm1));
    linear(`${l}.qkv`, names.qkv.map(at), qkvRows, C, a.bias.qkv, names.fusedQkv ?? names.matrices);
    if (a.qkNorm && names.qNorm && names.kNorm) {
      add(`${l}.qNorm`, [D], [part(names, `${at(names.qNorm)}.weight`, [D])]);
      add(`${l}.kNorm`, [D], [part(names, `${at(names.kNorm)}.weight`, [D])]);
    }
    linear(`${l}.o`, [at(names.o)], [C], H * D, a.bias.o, names.matrices);
    if (a.postNorms && names.postNorm1) norm(`${l}.postNorm1`, at(names.postNorm1));
    norm(`${l}.norm2`, at(names.norm2));
    linear(`${l}.up`, names.up.map(at), upRows, C, a.bias.mlp, names.matrices);
    linear(`${l}.down`, [at(names.down)], [C], F, a.bias.mlp, names.matrices);
    if (a.postNorms && names.postNorm2) norm(`${l}.postNorm2`, at(names.postNorm2));
  }
  norm('norm', names.norm);
  if (!a.tieEmbeddings) add('head', [V, C], [headPart(names, V, C)]);
  return blocks;
}

/** Tensors that files hold and the model does not read: rotary frequencies, attention masks, the head where it is the embedding. */
export function ignoredTensor(a: Architecture, name: string): boolean {
  if (/(^|\.)(rotary_emb\.inv_freq|(attn|attention)\.(bias|masked_bias))$/.test(name)) return true;
  return a.tieEmbeddings && familyOf(a.family).names.head.some((head) => name === `${head}.weight`);
}

function part(names: TensorNames, name: string, shape: number[], layout: PartLayout = 'plain', module: string | null = null): TensorPart {
  return { name: `${names.base}${name}`, aliases: [name], shape, layout, module };
}

function headPart({ head }: TensorNames, V: number, C: number): TensorPart {
  const [name = '', ...aliases] = head.map((each) => `${each}.weight`);
  return { name, aliases, shape: [V, C], layout: 'plain', module: null };
}

function lastOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
