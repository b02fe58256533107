// config.json of every family, read strictly with the defaults of transformers and written for both of its spellings of rope.
import { describe, expect, test } from 'vitest';
import { type ModelConfig, parseConfig, writeConfig } from '../../../src/formats/config.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { FAMILY_FOLDERS, familyFolder, readText } from '../../support/goldenFolder.ts';

const SMALL = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 5,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  vocab_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
};

const parse = (changes: Record<string, unknown>) => parseConfig(JSON.stringify({ ...SMALL, ...changes }));
/** Of another family: the sizes stay, the class follows. */
const parseAs = (model_type: string, changes: Record<string, unknown> = {}) => parse({ architectures: undefined, model_type, ...changes });
const shapeOf = (changes: Record<string, unknown>) => parse(changes).architecture;
const windows = (config: ModelConfig) => config.architecture.layerKinds.map((kind) => kind.window);
const ropes = (config: ModelConfig) => config.architecture.layerKinds.map((kind) => kind.rope);

function refusal(changes: Record<string, unknown>): string {
  try {
    parse({ architectures: undefined, ...changes });
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return (error as FormatError).message;
  }
  return expect.fail('accepted');
}

/** As transformers computes them, in float32. */
function expectFrequencies(config: ModelConfig, wanted: number[], rope = 0): void {
  const { inverseFrequencies } = config.architecture.ropes[rope]!;
  expect(inverseFrequencies).toHaveLength(wanted.length);
  inverseFrequencies.forEach((value, i) => expect(Math.abs(value / wanted[i]! - 1)).toBeLessThan(3e-7));
}

test('a Llama config becomes an architecture', () => {
  const { raw, ...config } = parse({});
  expect(raw.hidden_size).toBe(64);
  const { ropes: found, layerKinds, ...architecture } = config.architecture;
  expect(architecture).toEqual({
    family: 'llama',
    hidden: 64,
    intermediate: 172,
    layers: 5,
    heads: 8,
    kvHeads: 4,
    headDim: 8,
    vocabulary: 512,
    maxPositions: 512,
    norm: { kind: 'rms', eps: 1e-5, unitOffset: false },
    rotaryDim: 8,
    learnedPositions: false,
    bias: { qkv: false, o: false, mlp: false },
    qkNorm: false,
    attentionScale: 8 ** -0.5,
    mlp: { gated: true, activation: 'silu' },
    parallelResidual: false,
    postNorms: false,
    embedScale: 1,
    tieEmbeddings: true,
  });
  expect(layerKinds).toEqual(Array.from({ length: 5 }, () => ({ rope: 0, window: 0 })));
  expect(found).toEqual([{ inverseFrequencies: [1, 0.1, 0.01, 0.001].map((f) => expect.closeTo(f, 12)), attentionFactor: 1 }]);
  expect(config).toMatchObject({ bosId: 1, eosIds: [2] });
  expect(parse({ eos_token_id: [2, 3], bos_token_id: null })).toMatchObject({ bosId: null, eosIds: [2, 3] });
});

test('missing keys mean what the configuration classes of transformers say', () => {
  const llama = parseConfig('{"model_type":"llama"}');
  expect(llama.architecture).toMatchObject({ hidden: 4096, kvHeads: 32, vocabulary: 32_000, maxPositions: 2048, tieEmbeddings: false });
  expect(llama).toMatchObject({ bosId: 1, eosIds: [2] });
  const mistral = parseConfig('{"model_type":"mistral","num_hidden_layers":2}');
  expect(mistral.architecture).toMatchObject({ intermediate: 14_336, kvHeads: 8 });
  expect(windows(mistral)).toEqual([4096, 4096]);
  expect(windows(parseConfig('{"model_type":"mistral","num_hidden_layers":2,"sliding_window":null}'))).toEqual([0, 0]);
  const qwen2 = parseConfig('{"model_type":"qwen2","num_hidden_layers":2}');
  expect(qwen2).toMatchObject({ bosId: null, eosIds: [] });
  expect(qwen2.architecture.bias).toEqual({ qkv: true, o: false, mlp: false });
  expect(parseConfig('{"model_type":"qwen3"}').architecture).toMatchObject({ headDim: 128, qkNorm: true, tieEmbeddings: false });
  const smollm3 = parseConfig('{"model_type":"smollm3","num_hidden_layers":8}');
  expect(ropes(smollm3)).toEqual([0, 0, 0, -1, 0, 0, 0, -1]);
  expect(smollm3.architecture).toMatchObject({ kvHeads: 4, tieEmbeddings: true });
  expect(smollm3.architecture.ropes[0]!.inverseFrequencies[1]).toBeCloseTo(2e6 ** (-2 / 128), 12);
  const gemma = parseConfig('{"model_type":"gemma3_text","num_hidden_layers":7}');
  expect(gemma.architecture).toMatchObject({ headDim: 256, attentionScale: 1 / 16, embedScale: 48, tieEmbeddings: true, postNorms: true });
  expect(windows(gemma)).toEqual([4096, 4096, 4096, 4096, 4096, 0, 4096]);
  expect(ropes(gemma)).toEqual([1, 1, 1, 1, 1, 0, 1]);
  const gpt2 = parseConfig('{"model_type":"gpt2"}');
  expect(gpt2.architecture).toMatchObject({
    hidden: 768,
    intermediate: 3072,
    headDim: 64,
    rotaryDim: 0,
    ropes: [],
    learnedPositions: true,
  });
  expect(gpt2.architecture.mlp).toEqual({ gated: false, activation: 'gelu_tanh' });
  const neox = parseConfig('{"model_type":"gpt_neox"}');
  expect(neox.architecture).toMatchObject({ headDim: 96, rotaryDim: 24, parallelResidual: true, tieEmbeddings: false });
  expect(neox.architecture.bias).toEqual({ qkv: true, o: true, mlp: true });
});

describe.each(FAMILY_FOLDERS)('%s', (name) => {
  const config = parseConfig(readText(familyFolder(name), 'config.json'));

  test('is the same model as transformers 4 and 5 describe it', () => {
    const old = parseConfig(readText(familyFolder(name), 'golden/config.4.json'));
    expect(old.architecture).toEqual(config.architecture);
    expect(old).toMatchObject({ bosId: config.bosId, eosIds: config.eosIds });
  });

  test('is the same after writing', () => {
    const again = parseConfig(writeConfig(config, 'bfloat16'));
    expect(again.architecture).toEqual(config.architecture);
    expect(again).toMatchObject({ bosId: config.bosId, eosIds: config.eosIds, raw: { dtype: 'bfloat16', torch_dtype: 'bfloat16' } });
    const fromOld = parseConfig(writeConfig(parseConfig(readText(familyFolder(name), 'golden/config.4.json'))));
    expect(fromOld.architecture).toEqual(config.architecture);
  });
});

describe('rope', () => {
  const wide = { head_dim: 16 };

  test('linear, llama3 and yarn give the frequencies of transformers, in either spelling', () => {
    const linear = { rope_type: 'linear', factor: 4, rope_theta: 5e4 };
    for (const changes of [
      { rope_theta: undefined, rope_parameters: linear },
      { rope_theta: 5e4, rope_scaling: { type: 'linear', factor: 4 } },
      { rope_theta: 5e4, rope_scaling: { rope_type: 'linear', factor: 4 }, rope_parameters: linear },
    ]) {
      expectFrequencies(parse(changes), [0.25, 0.016718508675694466, 0.0011180340079590678, 7.47674421290867e-5]);
    }
    const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };
    const wanted = [
      1, 0.024240344762802124, 0.004700753837823868, 0.0009115831344388425, 0.00017677668074611574, 3.428102354519069e-5,
      6.647869668086059e-6, 1.289173155782919e-6,
    ];
    expectFrequencies(parse({ ...wide, rope_theta: 5e5, rope_scaling: llama3 }), wanted);
    expectFrequencies(parse({ ...wide, rope_theta: null, rope_parameters: { ...llama3, rope_theta: 5e5 } }), wanted);
  });

  test('yarn infers its attention factor, its range may be cut to whole dimensions or not', () => {
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 };
    const plain = parse({ ...wide, max_position_embeddings: 64, rope_scaling: yarn });
    const tail = [
      0.02500000037252903, 0.007905694656074047, 0.0024999999441206455, 0.0007905694656074047, 0.0002500000118743628, 7.905694656074047e-5,
    ];
    expectFrequencies(plain, [1, 0.07905694097280502, ...tail]);
    expect(plain.architecture.ropes[0]!.attentionFactor).toBeCloseTo(1.138629436111989, 12);
    const tuned = {
      ...yarn,
      original_max_position_embeddings: 64,
      beta_fast: 16,
      beta_slow: 2,
      mscale: 0.7,
      mscale_all_dim: 1.1,
      truncate: false,
    };
    const other = parse({ ...wide, max_position_embeddings: 64, rope_scaling: tuned });
    expectFrequencies(other, [1, 0.14849025011062622, ...tail]);
    expect(other.architecture.ropes[0]!.attentionFactor).toBeCloseTo(0.9518853439550599, 12);
    const stated = parse({ rope_scaling: { ...yarn, attention_factor: 1.5 } });
    expect(stated.architecture.ropes[0]!.attentionFactor).toBe(1.5);
    // Without a factor it is the ratio of the lengths: 64 / 16.
    expectFrequencies(parse({ ...wide, max_position_embeddings: 64, rope_scaling: { ...yarn, factor: null } }), [
      1,
      0.07905694097280502,
      ...tail,
    ]);
  });

  test('GPT-NeoX rotates a part of each head, an odd part rounded up', () => {
    const odd = parseAs('gpt_neox', {
      hidden_size: 48,
      num_attention_heads: 4,
      rope_theta: undefined,
      rotary_pct: 0.3,
      rotary_emb_base: 5000,
    });
    expect(odd.architecture.rotaryDim).toBe(4);
    expectFrequencies(odd, [1, 0.0034199513029307127]);
    const nested = { rope_theta: 5000, rope_type: 'default', partial_rotary_factor: 0.3 };
    const same = parseAs('gpt_neox', { hidden_size: 48, num_attention_heads: 4, rope_theta: undefined, rope_parameters: nested });
    expect(same.architecture).toEqual(odd.architecture);
  });

  test('what is not done is refused', () => {
    expect(refusal({ rope_theta: 1e4, rope_parameters: { rope_theta: 5e5 } })).toContain('rope_theta is 500000 in one place and 10000');
    for (const type of ['dynamic', 'longrope', 'mrope', 7]) {
      expect(refusal({ rope_scaling: { rope_type: type, factor: 2 } })).toMatch(/rope scaling .* is not supported; "default", "linear"/);
    }
    expect(refusal({ rope_scaling: 'yarn' })).toContain('rope_scaling "yarn" is no object');
    expect(refusal({ rope_scaling: { type: 'linear' } })).toContain('factor is missing');
    expect(refusal({ rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 1 } })).toContain(
      'must be above',
    );
    expect(refusal({ partial_rotary_factor: 0.5 })).toContain('partial_rotary_factor');
    expect(refusal({ rope_parameters: { partial_rotary_factor: 0.5, rope_theta: 1e4 } })).toContain('partial_rotary_factor');
    const nested = { full_attention: { rope_theta: 1e4 } };
    expect(refusal({ model_type: 'qwen2', rope_parameters: nested })).toContain('rope settings by layer type');
    const flat = { model_type: 'gemma3_text', rope_parameters: { rope_theta: 1e4, rope_type: 'default' } };
    expect(refusal(flat)).toContain('full_attention and sliding_attention');
    const local = { full_attention: {}, sliding_attention: { rope_type: 'linear', factor: 2 } };
    expect(refusal({ model_type: 'gemma3_text', rope_parameters: local })).toContain('scaling of rope_parameters.sliding_attention');
  });
});

describe('windows', () => {
  test('Qwen slides from max_window_layers on, or as layer_types says', () => {
    const used = { use_sliding_window: true, sliding_window: 16, max_window_layers: 3 };
    expect(windows(parseAs('qwen2', used))).toEqual([0, 0, 0, 16, 16]);
    expect(windows(parseAs('qwen3', { ...used, use_sliding_window: false }))).toEqual([0, 0, 0, 0, 0]);
    const types = ['sliding_attention', 'full_attention', 'full_attention', 'full_attention', 'full_attention'];
    expect(windows(parseAs('qwen3', { ...used, layer_types: types }))).toEqual([16, 0, 0, 0, 0]);
    expect(refusal({ model_type: 'qwen2', layer_types: types })).toContain('switches the sliding window off');
    expect(refusal({ model_type: 'qwen2', layer_types: types.slice(1) })).toContain('has 4 elements; 5 are needed');
    expect(refusal({ model_type: 'qwen2', layer_types: [...types.slice(1), 'chunked_attention'] })).toContain('"chunked_attention"');
  });

  test('SmolLM3 slides where there is no rope', () => {
    const config = parseAs('smollm3', { no_rope_layers: [1, 0, 1, 1, 0], use_sliding_window: true, sliding_window: 16 });
    expect(windows(config)).toEqual([0, 16, 0, 0, 16]);
    expect(ropes(config)).toEqual([0, -1, 0, 0, -1]);
    expect(refusal({ model_type: 'smollm3', no_rope_layers: [1, 0, 1, 1, 2] })).toContain('2 is neither 1');
    expect(refusal({ model_type: 'smollm3', no_rope_layers: [1] })).toContain('has 1 elements; 5 are needed');
  });

  test('Gemma 3 has a global layer every sliding_window_pattern layers', () => {
    const config = parseAs('gemma3_text', { head_dim: 8, sliding_window: 16, sliding_window_pattern: 2 });
    expect(windows(config)).toEqual([16, 0, 16, 0, 16]);
    expect(ropes(config)).toEqual([1, 0, 1, 0, 1]);
  });

  test('a window that the family has not is refused', () => {
    expect(refusal({ sliding_window: 16 })).toContain('sliding_window 16');
    expect(refusal({ model_type: 'mistral', layer_types: Array(5).fill('full_attention') })).toContain('layer_types');
  });
});

test('what a supported family asks for and is not done is named', () => {
  const asked: [Record<string, unknown>, string][] = [
    [{ quantization_config: { bits: 4 } }, 'quantization_config an object is not supported; save the model in float32'],
    [{ hidden_act: 'relu2' }, 'hidden_act "relu2" is not supported; "silu"'],
    [{ num_local_experts: 8 }, 'num_local_experts 8'],
    [{ vision_config: { a: 1 } }, 'vision_config'],
    [{ model_type: 'mistral', attention_bias: true }, 'attention_bias true'],
    [{ model_type: 'qwen2', mlp_bias: true }, 'mlp_bias true'],
    [{ model_type: 'gemma3_text', final_logit_softcapping: 30 }, 'final_logit_softcapping 30'],
    [{ model_type: 'gemma3_text', attn_logit_softcapping: 50 }, 'attn_logit_softcapping 50'],
    [{ model_type: 'gemma3_text', use_bidirectional_attention: true }, 'use_bidirectional_attention true'],
    [{ model_type: 'gpt2', scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx true'],
    [{ model_type: 'gpt2', add_cross_attention: true }, 'add_cross_attention true'],
    [{ model_type: 'gpt_neox', head_dim: 4 }, 'head_dim must be hidden_size / num_attention_heads'],
    [{ model_type: 'gpt_neox', rotary_pct: 0 }, 'rotary_pct 0'],
  ];
  for (const [changes, part] of asked) expect(refusal(changes)).toContain(part);
  expect(shapeOf({ attention_bias: true, mlp_bias: true }).bias).toEqual({ qkv: true, o: true, mlp: true });
  expect(shapeOf({ hidden_act: 'gelu', quantization_config: null }).mlp.activation).toBe('gelu');
});

test('a family that is not supported is named with those that are', () => {
  const message = refusal({ model_type: 'mamba' });
  expect(message).toContain('"mamba" is not supported; supported are llama, mistral, qwen2, qwen3, smollm3, gemma3_text, gpt2, gpt_neox');
  expect(refusal({ model_type: 'gemma3' })).toContain('its text model alone, model_type "gemma3_text"');
  expect(refusal({ architectures: ['LlamaForSequenceClassification'] })).toContain(
    '"LlamaForSequenceClassification" is not supported; for llama',
  );
  expect(refusal({ model_type: undefined })).toContain('undefined is not supported');
  expect(parse({ model_type: undefined, architectures: ['Qwen2ForCausalLM'] }).architecture.family).toBe('qwen2');
});

test('R10 absurd values are listed all at once', () => {
  const message = refusal({
    architectures: ['LlamaModel'],
    hidden_act: 'tanh',
    attention_bias: 'no',
    mlp_bias: 1,
    hidden_size: -64,
    num_attention_heads: 0,
    num_hidden_layers: 2.5,
    vocab_size: 1e300,
    intermediate_size: '172',
    rms_norm_eps: -1,
    rope_theta: 'x',
    tie_word_embeddings: 'yes',
    bos_token_id: -1,
    rope_scaling: { type: 'dynamic' },
    quantization_config: { bits: 4 },
    max_position_embeddings: 1e12,
    head_dim: [],
  });
  for (const part of [
    '"LlamaModel" is not supported',
    'hidden_act "tanh"',
    'attention_bias "no"',
    'mlp_bias 1',
    'hidden_size -64',
    'num_attention_heads 0',
    'num_hidden_layers 2.5',
    'vocab_size 1e+300',
    'intermediate_size "172"',
    'rms_norm_eps -1',
    'rope_theta "x"',
    'tie_word_embeddings "yes"',
    'bos_token_id -1',
    'rope scaling "dynamic"',
    'quantization_config',
    'max_position_embeddings 1000000000000',
    'head_dim an array',
  ]) {
    expect(message).toContain(part);
  }
  expect(refusal({ num_key_value_heads: 3 })).toContain('num_attention_heads 8 is not a multiple of num_key_value_heads 3');
  expect(refusal({ head_dim: 6 })).toContain('head_dim 6 must be a multiple of 4');
  expect(refusal({ head_dim: 260 })).toContain('head_dim 260');
  expect(refusal({ hidden_size: 60 })).toContain('head_dim 7.5');
  expect(refusal({ eos_token_id: [512] })).toContain('eos_token_id 512');
});

test('a default token id beyond a small vocabulary is none, as transformers writes it unasked', () => {
  expect(parseAs('gpt2', { n_embd: 8, n_head: 2, vocab_size: 96, bos_token_id: 50256, eos_token_id: 50256 })).toMatchObject({
    bosId: null,
    eosIds: [],
  });
  expect(refusal({ model_type: 'gpt2', n_embd: 8, n_head: 2, vocab_size: 96, eos_token_id: 50255 })).toContain('eos_token_id 50255');
});

test('R10 text that is no object of moderate depth is refused', () => {
  for (const text of ['', '[]', 'null', '1', '{', '"x"', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`]) {
    expect(() => parseConfig(text)).toThrow(FormatError);
  }
});

test('what is written has both spellings of rope, what was said besides, and no foreign code', () => {
  const scaled = parse({ rope_theta: 5e5, rope_scaling: { type: 'linear', factor: 2 }, auto_map: { AutoModel: 'x' }, note: 'kept' });
  const raw = JSON.parse(writeConfig(scaled));
  expect(raw).toMatchObject({
    rope_theta: 5e5,
    rope_scaling: { rope_type: 'linear', factor: 2 },
    rope_parameters: { rope_theta: 5e5, rope_type: 'linear', factor: 2 },
    note: 'kept',
    dtype: 'float32',
    torch_dtype: 'float32',
    hidden_act: 'silu',
  });
  expect(raw).not.toHaveProperty('auto_map');
  expect(JSON.parse(writeConfig(parse({})))).toMatchObject({
    rope_scaling: null,
    rope_parameters: { rope_theta: 1e4, rope_type: 'default' },
  });
  const gemma = JSON.parse(writeConfig(parseAs('gemma3_text', { rope_theta: 1e6, head_dim: 8 })));
  expect(gemma).toMatchObject({
    rope_local_base_freq: 1e4,
    rope_parameters: {
      full_attention: { rope_theta: 1e6, rope_type: 'default' },
      sliding_attention: { rope_theta: 1e4, rope_type: 'default' },
    },
  });
  const hostile = parseConfig(JSON.stringify(SMALL).replace('{', '{"__proto__":{"polluted":1},'));
  expect(writeConfig(hostile)).not.toContain('polluted');
});
