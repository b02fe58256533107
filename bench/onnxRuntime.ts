// onnxruntime-web with its WebGPU execution provider as a contender for matmul: a session over a model of one node, factors and product in
// buffers on its device. It does not train.
import * as ort from 'onnxruntime-web/webgpu';
import { matmulModel } from './onnxModel.ts';
import { asKN, type Contender, type Factors, type Matmul, type MatmulShape } from './workload.ts';

export async function openOnnxRuntime(): Promise<Contender> {
  // More threads need workers of its own, which compute nothing here.
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  // The device opens with the first session and closes with the last: this one stays.
  await makeSession({ M: 4, N: 4, K: 4, stored: 'KN' });
  const device = await ort.env.webgpu.device;
  return { name: 'onnxruntime-web', device, prepareStep: null, prepareMatmul: (shape, factors) => prepareMatmul(device, shape, factors) };
}

const makeSession = (shape: MatmulShape): Promise<ort.InferenceSession> =>
  ort.InferenceSession.create(matmulModel(shape), { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer' });

async function prepareMatmul(device: GPUDevice, shape: MatmulShape, factors: Factors): Promise<Matmul> {
  const { M, N, K } = shape;
  const session = await makeSession(shape);
  const buffers: GPUBuffer[] = [];
  const upload = (data: Float32Array, dims: number[]): ort.Tensor => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: Math.ceil(data.byteLength / 16) * 16, usage });
    device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    buffers.push(buffer);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
  };
  const feeds = { x: upload(factors.x, [M, K]), w: upload(asKN(shape, factors.w), [K, N]) };
  return {
    async run(times) {
      for (let i = 0; i < times; i++) (await session.run(feeds)).y?.dispose();
      await device.queue.onSubmittedWorkDone();
    },
    async read() {
      const { y } = await session.run(feeds);
      return (await y?.getData(true)) as Float32Array;
    },
    free() {
      for (const tensor of Object.values(feeds)) tensor.dispose();
      for (const buffer of buffers) buffer.destroy();
      void session.release();
    },
  };
}
