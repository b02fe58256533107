// TensorFlow.js with its WebGPU backend as a contender: eager operations, variableGrads and the library's own Adam.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-backend-webgpu';
import { VOCABULARY } from './cells.mjs';
import { ADAM, asKN, type Contender, HEADS, type NamedTensor, NORM_EPS, rotaryAngles, type StepShape, transposed } from './workload.ts';

export async function openTfjs(): Promise<Contender> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs opened no WebGPU device.');
  await tf.ready();
  const backend = tf.backend() as WebGPUBackend;
  return {
    name: 'tfjs-webgpu',
    device: backend.device,
    async prepareStep(shape, tensors) {
      const variables = toVariables(tensors);
      const all = Object.values(variables);
      const optimizer = tf.train.adam(ADAM.lr, ADAM.beta1, ADAM.beta2, ADAM.eps);
      const lossOf = lossFunction(shape);
      return {
        async step({ ids, targets }) {
          const loss = tf.tidy(() => {
            const i = tf.tensor1d(ids, 'int32');
            const t = tf.tensor1d(targets, 'int32');
            const { value, grads } = tf.variableGrads(() => lossOf(variables, i, t), all);
            optimizer.applyGradients(grads as Parameters<typeof optimizer.applyGradients>[0]);
            return value;
          });
          const [value] = await loss.data();
          loss.dispose();
          return value as number;
        },
      };
    },
    async prepareMatmul(shape, factors) {
      const { M, N, K } = shape;
      const x = tf.tensor2d(factors.x, [M, K]);
      const w = tf.tensor2d(asKN(shape, factors.w), [K, N]);
      return {
        async run(times) {
          for (let i = 0; i < times; i++) tf.matMul(x, w).dispose();
          // What is recorded and not yet submitted.
          backend.ensureCommandEncoderReady();
          backend.endComputePassEncoder();
          backend.submitQueue();
          await backend.device.queue.onSubmittedWorkDone();
        },
        async read() {
          const y = tf.matMul(x, w);
          const result = (await y.data()) as Float32Array;
          y.dispose();
          return result;
        },
        free() {
          x.dispose();
          w.dispose();
        },
      };
    },
  };
}

type Variables = Record<string, tf.Variable>;

function toVariables(tensors: NamedTensor[]): Variables {
  return Object.fromEntries(
    tensors.map(({ name, shape, data }) => {
      const [rows, cols] = shape as [number, number];
      if (shape.length === 1 || name.includes('embed')) return [name, tf.variable(tf.tensor(data, shape), true, name)];
      return [name, tf.variable(tf.tensor(transposed(data, rows, cols), [cols, rows]), true, name)];
    }),
  );
}

function lossFunction({ C, L, T, B }: StepShape) {
  const D = C / HEADS;
  const angles = rotaryAngles(T, D);
  const cos = tf.tensor(angles.cos, [1, 1, T, D / 2]);
  const sin = tf.tensor(angles.sin, [1, 1, T, D / 2]);
  const hidden = new Float32Array(T * T);
  for (let i = 0; i < T; i++) hidden.fill(-1e9, i * T + i + 1, (i + 1) * T);
  const mask = tf.tensor(hidden, [1, 1, T, T]);
  const norm = (x: tf.Tensor, gamma: tf.Tensor): tf.Tensor =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), NORM_EPS))), gamma);
  const rotate = (x: tf.Tensor): tf.Tensor => {
    const [a, b] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
    return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1);
  };
  return (p: Variables, ids: tf.Tensor1D, targets: tf.Tensor1D): tf.Scalar => {
    const get = (name: string): tf.Tensor => p[name] as tf.Tensor;
    const times = (x: tf.Tensor, name: string): tf.Tensor => tf.matMul(x, get(name));
    let x: tf.Tensor = tf.gather(get('model.embed_tokens.weight'), ids);
    for (let l = 0; l < L; l++) {
      const at = `model.layers.${l}`;
      const h = norm(x, get(`${at}.input_layernorm.weight`));
      const heads = (part: string): tf.Tensor =>
        tf.transpose(tf.reshape(times(h, `${at}.self_attn.${part}_proj.weight`), [B, T, HEADS, D]), [0, 2, 1, 3]);
      const [q, k, v] = [rotate(heads('q')), rotate(heads('k')), heads('v')];
      const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(D)), mask);
      const attended = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), [B * T, C]);
      x = tf.add(x, times(attended, `${at}.self_attn.o_proj.weight`));
      const u = norm(x, get(`${at}.post_attention_layernorm.weight`));
      const gate = times(u, `${at}.mlp.gate_proj.weight`);
      const silu = tf.mul(gate, tf.sigmoid(gate));
      x = tf.add(x, times(tf.mul(silu, times(u, `${at}.mlp.up_proj.weight`)), `${at}.mlp.down_proj.weight`));
    }
    const logits = tf.matMul(norm(x, get('model.norm.weight')), get('model.embed_tokens.weight'), false, true);
    const picked = tf.mul(tf.logSoftmax(logits), tf.cast(tf.oneHot(targets, VOCABULARY), 'float32'));
    return tf.mul(tf.sum(picked), -1 / (B * T)) as tf.Scalar;
  };
}
