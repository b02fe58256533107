// config.json of the Llama family, read strictly and written for both spellings of rope.
import { expect, test } from 'vitest';
import { parseLlamaConfig, writeLlamaConfig } from '../../../src/formats/config.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { writeHfFolder } from '../../../src/formats/hfFolder.ts';

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

const parse = (changes: Record<string, unknown>) => parseLlamaConfig(JSON.stringify({ ...SMALL, ...changes }));

function refusal(changes: Record<string, unknown>): string {
  try {
    parse(changes);
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return (error as FormatError).message;
  }
  return expect.fail('accepted');
}

test('a Llama config becomes checked numbers with the defaults of the family', () => {
  const { raw, ...config } = parse({});
  expect(raw.hidden_size).toBe(64);
  expect(config).toEqual({
    hidden: 64,
    intermediate: 172,
    layers: 5,
    heads: 8,
    kvHeads: 4,
    headDim: 8,
    vocabulary: 512,
    maxPositions: 512,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    tieEmbeddings: true,
    bosId: 1,
    eosIds: [2],
  });
  const bare = parse({
    num_key_value_heads: undefined,
    rms_norm_eps: undefined,
    rope_theta: undefined,
    tie_word_embeddings: undefined,
    eos_token_id: null,
  });
  expect(bare).toMatchObject({ kvHeads: 8, rmsNormEps: 1e-6, ropeTheta: 10000, tieEmbeddings: false, eosIds: [] });
  expect(parse({ eos_token_id: [2, 3] }).eosIds).toEqual([2, 3]);
});

test('rope_theta is read from either place, and scaled rope is refused in every spelling', () => {
  expect(parse({ rope_theta: undefined, rope_parameters: { rope_theta: 5e5, rope_type: 'default' } }).ropeTheta).toBe(5e5);
  expect(parse({ rope_theta: 5e5, rope_scaling: null }).ropeTheta).toBe(5e5);
  expect(refusal({ rope_theta: 1e4, rope_parameters: { rope_theta: 5e5 } })).toContain('rope_theta is 10000 in one place and 500000');
  expect(refusal({ rope_scaling: { type: 'linear', factor: 2 } })).toContain('rope_scaling "linear"');
  expect(refusal({ rope_parameters: { rope_type: 'llama3', rope_theta: 5e5 } })).toContain('rope_parameters "llama3"');
  expect(refusal({ rope_scaling: 'yarn' })).toContain('"yarn"');
});

test('R10 absurd values are listed all at once', () => {
  const message = refusal({
    model_type: 'gpt2',
    hidden_act: 'gelu',
    attention_bias: true,
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
    '"gpt2" is not supported; Llama',
    'hidden_act "gelu"',
    'attention_bias true',
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
    'rope_scaling "dynamic"',
    'quantization_config',
    'max_position_embeddings 1000000000000',
    'head_dim an array',
  ]) {
    expect(message).toContain(part);
  }
  expect(refusal({ num_key_value_heads: 3 })).toContain('num_attention_heads 8 is not a multiple of num_key_value_heads 3');
  expect(refusal({ head_dim: 6 })).toContain('head_dim 6 must be a multiple of 4');
  expect(refusal({ head_dim: 256 })).toContain('head_dim 256');
  expect(refusal({ hidden_size: 60 })).toContain('head_dim 7.5');
  expect(refusal({ hidden_size: undefined })).toContain('hidden_size is missing');
  expect(refusal({ eos_token_id: [512] })).toContain('eos_token_id 512');
  expect(refusal({ architectures: ['MistralForCausalLM'] })).toContain('"MistralForCausalLM"');
  expect(refusal({ model_type: undefined, architectures: undefined })).toContain('undefined is not supported');
});

test('R10 text that is no object of moderate depth is refused', () => {
  for (const text of ['', '[]', 'null', '1', '{', '"x"', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`]) {
    expect(() => parseLlamaConfig(text)).toThrow(FormatError);
  }
});

test('what is written is read back, for transformers 4 and 5 alike, and keeps no foreign code', () => {
  const config = parse({ rope_theta: 5e5, auto_map: { AutoModel: 'x' }, note: 'kept', eos_token_id: [2, 3] });
  const text = writeLlamaConfig(config);
  const { raw, ...again } = parseLlamaConfig(text);
  const { raw: _, ...first } = config;
  expect(again).toEqual(first);
  expect(raw).toMatchObject({
    rope_theta: 5e5,
    rope_parameters: { rope_theta: 5e5, rope_type: 'default' },
    note: 'kept',
    dtype: 'float32',
  });
  expect(raw).not.toHaveProperty('auto_map');
  const hostile = parseLlamaConfig(JSON.stringify(SMALL).replace('{', '{"__proto__":{"polluted":1},'));
  expect(writeLlamaConfig(hostile)).not.toContain('polluted');
});

test('a Hugging Face folder holds config, weights, generation settings and the tokenizer as it came', () => {
  const tokenizer = new Uint8Array([1, 2, 3]);
  const folder = writeHfFolder({ config: parse({}), tensors: [], tokenizerFiles: new Map([['tokenizer.json', tokenizer]]) });
  expect([...folder.keys()].sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json']);
  expect(folder.get('tokenizer.json')).toBe(tokenizer);
  const generation = JSON.parse(new TextDecoder().decode(folder.get('generation_config.json')));
  expect(generation).toEqual({ _from_model_config: true, bos_token_id: 1, eos_token_id: 2 });
});
