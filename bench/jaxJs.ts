// jax-js as a contender: one jit over the whole step (loss, gradients, Adam), the form that its documentation recommends. Every array
// argument is owned by the function that takes it; .ref lends it once more.
import { defaultDevice, getWebGPUDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { VOCABULARY } from './cells.mjs';
import { ADAM, asKN, type Contender, HEADS, type NamedTensor, NORM_EPS, rotaryAngles, type StepShape, transposed } from './workload.ts';

type Arr = np.Array;
type Parameters = Record<string, Arr>;

export async function openJaxJs(): Promise<Contender> {
  const devices = await init('webgpu');
  if (!devices.includes('webgpu')) throw new Error('jax-js opened no WebGPU device.');
  defaultDevice('webgpu');
  const device = getWebGPUDevice();
  return {
    name: 'jax-js',
    device,
    async prepareStep(shape, tensors) {
      const { B, T } = shape;
      let parameters = toParameters(tensors);
      const zeros = () => tree.map((x: Arr) => np.zeros(x.shape), parameters) as Parameters;
      tree.ref(parameters);
      let m = zeros();
      tree.ref(parameters);
      let v = zeros();
      const train = jit(trainingStep(shape));
      let steps = 0;
      return {
        async step({ ids, targets }) {
          steps++;
          const scalar = (x: number) => np.array(new Float32Array([x]), { shape: [] });
          const corrections: [Arr, Arr] = [scalar(1 / (1 - ADAM.beta1 ** steps)), scalar(1 / (1 - ADAM.beta2 ** steps))];
          const int = (data: Int32Array) => np.array(data as Int32Array<ArrayBuffer>, { shape: [B, T], dtype: np.int32 });
          const [loss, next] = train({ parameters, m, v }, int(ids), int(targets), ...corrections) as [Arr, Training];
          ({ parameters, m, v } = next);
          const [value] = await loss.data();
          return value as number;
        },
      };
    },
    async prepareMatmul(shape, factors) {
      const { M, N, K } = shape;
      const x = np.array(factors.x as Float32Array<ArrayBuffer>, { shape: [M, K] });
      const w = np.array(asKN(shape, factors.w) as Float32Array<ArrayBuffer>, { shape: [K, N] });
      const multiply = jit((p: Arr, q: Arr) => np.matmul(p, q));
      return {
        async run(times) {
          // Asking for the buffer submits the work without waiting for it.
          for (let i = 0; i < times; i++) await multiply(x.ref, w.ref).gpuBuffer();
          await device.queue.onSubmittedWorkDone();
        },
        read: async () => (await multiply(x.ref, w.ref).data()) as Float32Array,
        free() {
          x.dispose();
          w.dispose();
        },
      };
    },
  };
}

type Training = { parameters: Parameters; m: Parameters; v: Parameters };

function toParameters(tensors: NamedTensor[]): Parameters {
  return Object.fromEntries(
    tensors.map(({ name, shape, data }) => {
      const [rows, cols] = shape as [number, number];
      // The tied embedding keeps its layout; other matrices are stored as (in, out), the natural one for x @ W.
      if (shape.length === 1 || name.includes('embed')) return [name, np.array(data as Float32Array<ArrayBuffer>, { shape })];
      return [name, np.array(transposed(data, rows, cols) as Float32Array<ArrayBuffer>, { shape: [cols, rows] })];
    }),
  );
}

function trainingStep(shape: StepShape) {
  const lossOf = lossFunction(shape);
  return (state: Training, ids: Arr, targets: Arr, correction1: Arr, correction2: Arr): [Arr, Training] => {
    const [loss, gradients] = valueAndGrad((p: Parameters) => lossOf(p, ids, targets))(tree.ref(state.parameters) as Parameters);
    const next: Training = { parameters: {}, m: {}, v: {} };
    for (const [name, g] of Object.entries(gradients as Parameters)) {
      const m = (state.m[name] as Arr).mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
      const v = (state.v[name] as Arr).mul(ADAM.beta2).add(np.square(g).mul(1 - ADAM.beta2));
      const step = m.ref.mul(correction1.ref).div(np.sqrt(v.ref.mul(correction2.ref)).add(ADAM.eps));
      next.parameters[name] = (state.parameters[name] as Arr).sub(step.mul(ADAM.lr));
      next.m[name] = m;
      next.v[name] = v;
    }
    correction1.dispose();
    correction2.dispose();
    return [loss as Arr, next];
  };
}

function lossFunction({ C, L, T, B }: StepShape) {
  const D = C / HEADS;
  const angles = rotaryAngles(T, D);
  const rotary = (data: Float32Array) => np.array(data as Float32Array<ArrayBuffer>, { shape: [T, 1, D / 2] });
  const cos = rotary(angles.cos);
  const sin = rotary(angles.sin);
  const norm = (x: Arr, gamma: Arr): Arr => {
    const scale = np.sqrt(np.square(x.ref).mean(-1, { keepdims: true }).add(NORM_EPS));
    return x.div(scale).mul(gamma);
  };
  const rotate = (x: Arr): Arr => {
    const a = x.ref.slice([], [], [], [0, D / 2]);
    const b = x.slice([], [], [], [D / 2, D]);
    return np.concatenate([a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref)), b.mul(cos.ref).add(a.mul(sin.ref))], -1);
  };
  return (p: Parameters, ids: Arr, targets: Arr): Arr => {
    const get = (name: string): Arr => p[name] as Arr;
    const embedding = get('model.embed_tokens.weight');
    let x = np.take(embedding.ref, ids, 0);
    for (let l = 0; l < L; l++) {
      const at = `model.layers.${l}`;
      const h = norm(x.ref, get(`${at}.input_layernorm.weight`));
      const heads = (part: string): Arr => np.matmul(h.ref, get(`${at}.self_attn.${part}_proj.weight`)).reshape([B, T, HEADS, D]);
      const [q, k, v] = [rotate(heads('q')), rotate(heads('k')), heads('v')];
      h.dispose();
      const attended = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([B, T, C]);
      x = x.add(np.matmul(attended, get(`${at}.self_attn.o_proj.weight`)));
      const u = norm(x.ref, get(`${at}.post_attention_layernorm.weight`));
      const gate = nn.silu(np.matmul(u.ref, get(`${at}.mlp.gate_proj.weight`)));
      const up = np.matmul(u, get(`${at}.mlp.up_proj.weight`));
      x = x.add(np.matmul(gate.mul(up), get(`${at}.mlp.down_proj.weight`)));
    }
    const logits = np.matmul(norm(x, get('model.norm.weight')), np.transpose(embedding));
    const logProbabilities = nn.logSoftmax(logits, -1);
    return logProbabilities
      .mul(nn.oneHot(targets, VOCABULARY))
      .sum()
      .mul(-1 / (B * T));
  };
}
