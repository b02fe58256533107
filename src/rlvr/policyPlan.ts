// One update of RLVR whose ratios, clipping and KL are of the policy as it is now: forward pass, log-probabilities, weights by
// loss/policy_gradient, gradients, in one submission without a wait. What was clipped is tallied on the GPU over a step's updates.
// The float64 specification is policyGradient() of objective.ts. Refuses nothing: shapes are the trainer's.
import { readFloats, type Tensor, writeTensor } from '../engine/graph.ts';
import { flatGrid } from '../engine/matmul.ts';
import { type BatchPlan, type BatchRows, type BatchShape, makeTrainPlan } from '../model/batch.ts';
import type { Optimizer } from '../model/optimizer.ts';
import type { Transformer } from '../model/transformer.ts';
import { denominators, DUAL_BOUND, klInLoss, type Objective, type PolicyRows, trainedTokens } from './objective.ts';

const RATIO = { none: 0, token: 1, sequence: 2 } as const;
const CLIP = { none: 0, symmetric: 1, asymmetric: 1, 'weight-only': 2, dual: 3 } as const;
const KL = { off: 0, k1: 1, k2: 2, k3: 3 } as const;

/** Over the rows trained on since the tally was cleared. */
export interface Tally {
  rows: number;
  clippedLow: number;
  clippedHigh: number;
  /** Sum of old - new log-probability. */
  drift: number;
  ratioSum: number;
  ratioMax: number;
  loss: number;
}

export class PolicyPlan {
  readonly batch: BatchPlan;
  private readonly rows: Tensor;
  private readonly tally: Tensor;
  private readonly objective: Objective;
  private readonly length: number;

  private constructor(batch: BatchPlan, tensors: { rows: Tensor; tally: Tensor }, objective: Objective, length: number) {
    this.batch = batch;
    this.rows = tensors.rows;
    this.tally = tensors.tally;
    this.objective = objective;
    this.length = length;
  }

  /** `length` is the constant of the aggregation sequence-sum. */
  static async make(
    model: Transformer,
    optimizer: Optimizer,
    shape: BatchShape,
    objective: Objective,
    length: number,
  ): Promise<PolicyPlan> {
    const { B, T } = shape;
    const { ratio, clip, clipLow, clipHigh, klBeta } = objective;
    const tensors = {} as { rows: Tensor; tally: Tensor };
    const batch = await makeTrainPlan(model, optimizer, shape, {
      weigh: (graph, inputs) => {
        tensors.rows = graph.input('policy rows', [B * T, 4]);
        tensors.tally = graph.input('tally', [B, 8]);
        graph.dispatch('loss/policy_gradient', [inputs.logprob, tensors.rows, inputs.weight, tensors.tally], {
          overrides: {
            RATIO: RATIO[ratio],
            CLIP: ratio === 'none' ? 0 : CLIP[clip],
            KL: klInLoss(objective) ? KL[objective.kl] : 0,
          },
          args: { B, T, low: 1 - clipLow, high: 1 + (clip === 'symmetric' ? clipLow : clipHigh), dual: DUAL_BOUND, beta: klBeta },
          grid: flatGrid(B),
          cost: 60 * B * T,
        });
      },
    });
    return new PolicyPlan(batch, tensors, objective, length);
  }

  /** Uploads a batch: what its rows predict, and what their weights are made from. */
  write(batch: BatchRows, policy: Omit<PolicyRows, 'logprob'>): void {
    const { T, advantage, mask, old, reference } = policy;
    const divisors = denominators(trainedTokens(policy), this.objective.aggregation, this.length);
    const packed = new Float32Array(4 * mask.length);
    for (let r = 0; r < mask.length; r++) {
      if (!mask[r]) continue;
      const b = Math.floor(r / T);
      packed.set([1 / (divisors[b] as number), advantage[b] as number, old[r] as number, reference[r] as number], 4 * r);
    }
    this.batch.write(batch);
    writeTensor(this.batch.model.gpu, this.rows, packed);
  }

  clearTally(): void {
    writeTensor(this.batch.model.gpu, this.tally, new Float32Array(this.tally.sizeBytes / 4));
  }

  async readTally(): Promise<Tally> {
    const x = await readFloats(this.batch.model.gpu, this.tally);
    const out: Tally = { rows: 0, clippedLow: 0, clippedHigh: 0, drift: 0, ratioSum: 0, ratioMax: 0, loss: 0 };
    for (let b = 0; b < x.length; b += 8) {
      const at = (i: number): number => x[b + i] as number;
      out.rows += at(0);
      out.clippedLow += at(1);
      out.clippedHigh += at(2);
      out.drift += at(3);
      out.ratioSum += at(4);
      out.ratioMax = Math.max(out.ratioMax, at(5));
      out.loss += at(6);
    }
    return out;
  }

  destroy(): void {
    this.batch.destroy();
  }
}
