// Mistakes put into kernels one at a time (R42): in the kernels that `kernels` matches, the first `find` in the source (its includes in place) becomes
// `put`, and a case of `cases` must fail for it. None is equivalent to the kernel: each changes a number, a border or what is written.
// A new kernel needs a line here.
export interface Mutant {
  kernels: RegExp;
  find: string;
  put: string;
  /** Case file and a part of the cases' names; `kernel` stands for the kernel's own name. */
  cases: [file: string, name: string];
}

/** Several mistakes in kernels that the same cases run. */
function of(kernels: RegExp, cases: [string, string], mistakes: [find: string, put: string][]): Mutant[] {
  return mistakes.map(([find, put]) => ({ kernels, find, put, cases }));
}

const OWN: [string, string] = ['linear', 'kernel equals the reference'];
const FULL = (D: number): [string, string] => ['attention', `attention forward and backward with heads of ${D}`];
const CACHED: [string, string] = ['attention', 'cached attention with heads of 8 '];
const NORM_GAMMAS: [string, string] = ['norm', 'parameters of norms get their gradients'];
const E_STEP: [string, string] = ['latent', 'latent/line_rewards, latent/advantages'];
const UPDATE: [string, string] = ['optim', 'an update follows the reference over ten steps'];
const LAYOUTS: [string, string] = ['load', 'layouts are put in place slice by slice'];

export const MUTANTS: Mutant[] = [
  // kernels with B in f16 are those with f32 but for how they read B
  ...of(/^linear\/matmul_nt_(1x4|4x4|8x8|quad_\d+x\d+)$/, OWN, [['k < args.K / 4u', 'k + 1u < args.K / 4u']]),
  ...of(/^linear\/matmul_nt_(1x4|4x4|quad_4x4)$/, OWN, [['s0_1 += dot(x0, w1)', 's0_1 += dot(x0, w2)']]),
  ...of(/^linear\/matmul_nn_(4x4|8x8|quad_\d+x\d+)$/, OWN, [['args.aOffset + min(m + 1u', 'args.aOffset + min(m + 2u']]),
  ...of(/^linear\/matmul_nn_(4x4|quad_8x4)$/, OWN, [['x0.w * w3_0', 'x0.w * w2_0']]),
  ...of(/^linear\/matmul_tn_(8x8|quad_\d+x\d+)$/, OWN, [['min(begin + perPart, args.K)', 'min(begin + perPart, args.K - 1u)']]),
  ...of(/^linear\/matmul_tn_(8x8|quad_16x4)$/, OWN, [['m + 1u, n4 + 0u, s1_0', 'm + 1u, n4 + 0u, s0_0']]),
  ...of(/^linear\/matmul_.*_lanes_\dx\d$/, OWN, [['for (var s = 32u;', 'for (var s = 16u;']]),
  ...of(/^linear\/matmul_.*_tiled$/, OWN, [
    ['k0 + k < to', 'k0 + k + 1u < to'],
    ['n0 + n < args.N', 'n0 + n + 1u < args.N'],
  ]),
  ...of(/^linear\/matmul_.*_tiles_64$/, OWN, [['k0 < to; k0 += 16u', 'k0 + 4u < to; k0 += 16u']]),
  ...of(/^linear\/matmul_.*_tiles_128$/, OWN, [['s70 += x1.w * w0', 's70 += x1.z * w0']]),
  ...of(/^linear\/matmul_.*_simple$/, OWN, [
    ['k < end', 'k + 1u < end'],
    ['y[at] += sum', 'y[at] = sum'],
  ]),
  ...of(/^linear\/matmul_.*_(simple|tiled)_f16$/, OWN, [['i % 2u == 1u', 'i % 2u == 0u']]),
  ...of(/^linear\/matmul_.*_(\dx\d|quad_\d+x\d|lanes_\dx\d|tiles_\d+)_f16$/, OWN, [
    ['unpack2x16float(words.y)', 'unpack2x16float(words.x)'],
  ]),
  ...of(
    /^linear\/reduce_split$/,
    ['linear', 'linear/matmul_tn_simple equals'],
    [
      ['p < args.parts', 'p + 1u < args.parts'],
      ['y[at] = sum + r[at]', 'y[at] = sum - r[at]'],
    ],
  ),
  ...of(
    /^linear\/reduce_parts$/,
    ['linear', 'linear/reduce_parts'],
    [
      ['args.accumulate == 1u', 'args.accumulate == 0u'],
      ['i >= args.N', 'i + 1u >= args.N'],
    ],
  ),

  ...of(/^attention\/forward_(blocks|tiled)$/, FULL(8), [['i + 1u - W', 'i - W']]),
  ...of(/^attention\/forward_tiled$/, FULL(8), [['exp(m - next)', 'exp(next - m)']]),
  ...of(/^attention\/forward_blocks$/, FULL(8), [['exp(m0 - next0)', 'exp(next0 - m0)']]),
  ...of(/^attention\/forward_d16$/, FULL(16), [
    ['exp(m0 - next0)', 'exp(next0 - m0)'],
    ['i + 1u - W', 'i - W'],
  ]),
  ...of(/^attention\/backward_q_(blocks|tiled)$/, FULL(8), [
    ['max(min(span.w, first), pinStart)', 'max(min(span.w + 1u, first), pinStart)'],
  ]),
  ...of(/^attention\/backward_q_blocks$/, FULL(8), [['(dp0_0 - delta0)', '(dp0_0 + delta0)']]),
  ...of(/^attention\/backward_q_tiled$/, FULL(8), [['(dp.a - di.x)', '(dp.a + di.x)']]),
  ...of(/^attention\/backward_q_d16$/, FULL(16), [['(dp1 - delta1)', '(dp1 - delta0)']]),
  ...of(/^attention\/backward_q_d32$/, FULL(32), [['(dp1 - delta1)', '(dp1 - delta0)']]),
  ...of(/^attention\/backward_kv_blocks$/, FULL(8), [['vec4<u32>(i) - j < vec4<u32>(args.W)', 'vec4<u32>(i) - j <= vec4<u32>(args.W)']]),
  ...of(/^attention\/backward_kv_tiled$/, FULL(8), [['i - vec4<u32>(j) < vec4<u32>(args.W)', 'i - vec4<u32>(j) <= vec4<u32>(args.W)']]),
  ...of(/^attention\/backward_kv_d16$/, FULL(16), [
    ['(dp1 - di)', '(dp1 + di)'],
    ['min(last, j + W)', 'min(last, j + W - 1u)'],
  ]),
  ...of(/^attention\/backward_kv_d32$/, FULL(32), [['(dp1 - di)', '(dp1 + di)']]),
  ...of(/^attention\/cached_/, CACHED, [['i + 1u <= W', 'i <= W']]),
  ...of(/^attention\/cached_tiled$/, CACHED, [['exp(m - next)', 'exp(next - m)']]),
  ...of(/^attention\/cached_blocks$/, CACHED, [['exp(m0 - next0)', 'exp(next0 - m0)']]),
  ...of(/^attention\/cache_rows$/, CACHED, [
    ['lo = a * cs.x - hi * cs.y', 'lo = a * cs.x + hi * cs.y'],
    ['head < args.H + args.K', 'head < args.H'],
  ]),

  ...of(
    /^rope\/rotate_part$/,
    ['attention', 'rope/rotate_part leaves'],
    [
      ['args.sign * b', 'b'],
      ['args.P - 1u', 'args.P - 2u'],
    ],
  ),

  ...of(
    /^norm\/rms_norm(_odd)?$/,
    ['norm', 'norm/rms_norm and its backward'],
    [
      ['+ args.eps', '- args.eps'],
      ['args.offset + gamma', 'gamma'],
    ],
  ),
  ...of(
    /^norm\/rms_norm_backward/,
    ['norm', 'norm/rms_norm and its backward'],
    [
      ['- x[at + c] * k', '+ x[at + c] * k'],
      ['args.accumulate == 1u', 'args.accumulate == 0u'],
    ],
  ),
  ...of(
    /^norm\/layer_norm(_odd)?$/,
    ['norm', 'norm/layer_norm and its backward'],
    [
      ['+ beta[c]', '- beta[c]'],
      ['rowSum(itemSum(squares), local) / f32(args.C)', 'rowSum(itemSum(squares), local) / f32(args.C - 1u)'],
    ],
  ),
  ...of(
    /^norm\/layer_norm_backward/,
    ['norm', 'norm/layer_norm and its backward'],
    [
      ['dy[at + c] - a -', 'dy[at + c] + a -'],
      ['* r * b)', '* b)'],
    ],
  ),
  ...of(
    /^norm\/head_norm(_odd)?$/,
    ['norm', 'norm/head_norm and its backward'],
    [
      ['head < args.H)', 'head <= args.H)'],
      ['y[at + d] = x[at + d]; }', 'y[at + d] = r * x[at + d]; }'],
    ],
  ),
  ...of(
    /^norm\/head_norm_backward/,
    ['norm', 'norm/head_norm and its backward'],
    [
      ['i / heads * normed + head', 'i / heads * normed'],
      ['- x[at + d] * k', '+ x[at + d] * k'],
    ],
  ),
  ...of(/^norm\/(rms|layer_norm|head_norm)_gamma/, NORM_GAMMAS, [
    ['r < min(begin + args.rowsPerPart, args.R)', 'r + 1u < min(begin + args.rowsPerPart, args.R)'],
    ['* args.rowsPerPart;', '* (args.rowsPerPart - 1u);'],
  ]),

  ...of(
    /^mlp\/activate$/,
    ['mlp', 'activations and their slopes'],
    [
      ['i >= args.N4', 'i + 1u >= args.N4'],
      ['0.044715 * c * c', '0.04471 * c * c'],
    ],
  ),
  ...of(
    /^mlp\/activate_backward$/,
    ['mlp', 'activations and their slopes'],
    [
      ['0.134145', '0.044715'],
      ['du[i] = d', 'du[i] = -d'],
    ],
  ),
  ...of(
    /^mlp\/gated(_odd)?$/,
    ['mlp', 'gated products of any width'],
    [
      ['* gu[at + args.F', '* gu[at + 1u + args.F'],
      ['h[i] = activate4', 'h[i] = -activate4'],
    ],
  ),
  ...of(
    /^mlp\/gated(_odd)?_backward$/,
    ['mlp', 'gated products of any width'],
    [
      ['dg += dgu[at]', 'dg -= dgu[at]'],
      ['* a.slope', '* a.value'],
    ],
  ),
  ...of(
    /^bias\/add/,
    ['mlp', 'a bias is added to every row'],
    [
      ['bias[i % N]', 'bias[(i + 1u) % N]'],
      ['i >= args.R * N', 'i + 1u >= args.R * N'],
    ],
  ),
  ...of(
    /^bias\/column_sums/,
    ['mlp', 'a bias is added to every row'],
    [
      ['begin + args.rowsPerPart', 'begin + args.rowsPerPart - 1u'],
      ['r * N + i % N', 'r * N + (i + 1u) % N'],
    ],
  ),
  ...of(
    /^bias\/sum$/,
    ['mlp', 'bias/sum adds'],
    [
      ['a[i] + b[i]', 'a[i] - b[i]'],
      ['i < args.N', 'i + 1u < args.N'],
    ],
  ),

  ...of(
    /^embed\/gather$/,
    ['embed', 'embed/gather looks up'],
    [
      ['id - args.lo >= args.rows', 'id - args.lo > args.rows'],
      ['y[i] += value', 'y[i] = value'],
    ],
  ),
  ...of(/^embed\/gather_f16$/, ['embed', 'embed/gather_f16'], [['at % 2u == 1u', 'at % 2u == 0u']]),
  ...of(
    /^embed\/scatter$/,
    ['embed', 'embed/scatter'],
    [
      ['] += args.scale * sum', '] = args.scale * sum'],
      ['k < segments[u + 1u].y', 'k + 1u < segments[u + 1u].y'],
    ],
  ),
  ...of(
    /^loss\/cross_entropy$/,
    ['loss', 'loss/cross_entropy in every mode'],
    [
      ['w * (p - hit)', 'w * (p + hit)'],
      ['(q + h)', '(q - h)'],
      ['dotted / sum', 'dotted * sum'],
      ['v >= lo && v < hi', 'v >= lo && v <= hi'],
    ],
  ),

  ...of(/^optim\/update_f32$/, UPDATE, [
    ['(1.0 - hyper[2]) * grad * grad', '(1.0 - hyper[1]) * grad * grad'],
    ['hyper[4] * decay', 'hyper[4]'],
  ]),
  ...of(
    /^optim\/update_8bit$/,
    ['optim', 'optim/update_8bit equals'],
    [
      ['noise * (2.0 * low + 1.0)', 'noise * (2.0 * low - 1.0)'],
      ['select(vec4<f32>(0.0), vec4<f32>(1.0), r > vec4<f32>(0.0))', 'vec4<f32>(0.0)'],
    ],
  ),
  ...of(/^optim\/(sum_squares|global_norm)$/, UPDATE, [['sum += ', 'sum -= ']]),
  ...of(/^optim\/global_norm$/, ['optim', 'a gradient that is not finite changes nothing'], [['factor = 0.0', 'factor = 1.0']]),
  ...of(/^optim\/average$/, UPDATE, [['1.0 - hyper[9]', 'hyper[9]']]),
  ...of(/^optim\/half_copy$/, UPDATE, [['floatToHalf(bits.x)', 'floatToHalf(bits.y)']]),
  ...of(/^optim\/(report_step|accumulate_loss)$/, ['optim', 'losses of micro-batches add up'], [['loss[1]', 'loss[0]']]),
  ...of(/^optim\/report_step$/, ['optim', 'losses of micro-batches add up'], [['loss[0] = 0.0', 'loss[0] = 1.0']]),
  ...of(/^optim\/accumulate_loss$/, ['optim', 'losses of micro-batches add up'], [['r += 64u', 'r += 65u']]),
  ...of(
    /^optim\/clear$/,
    ['optim', 'optim/clear'],
    [
      ['i < args.N4', 'i + 1u < args.N4'],
      ['vec4<f32>(0.0)', 'vec4<f32>(0.0, 0.0, 0.0, 1.0)'],
    ],
  ),

  ...of(
    /^lora\/dropout$/,
    ['lora', 'dropout has the mask'],
    [
      ['x[at] / (1.0 - args.probability)', 'x[at]'],
      ['state[1]', 'state[0]'],
    ],
  ),
  ...of(
    /^lora\/scale$/,
    ['lora', 'scaling multiplies'],
    [
      ['args.factor * x[i]', 'x[i]'],
      ['v += y[i]', 'v -= y[i]'],
    ],
  ),
  ...of(/^load\/convert$/, LAYOUTS, [
    ['e < args.count', 'e + 1u < args.count'],
    ['word & 0xffff0000u', 'word & 0xfffe0000u'],
  ]),
  ...of(/^load\/extract$/, LAYOUTS, [
    ['blockElement(args.first + e)', '(args.first + e)'],
    ['shortOf(2u * i + 1u)', 'shortOf(2u * i)'],
  ]),

  ...of(
    /^sample\/token$/,
    ['sample', 'sample/token with filters and 1 threads'],
    [
      ['philox(key, vec4<u32>(pos,', 'philox(key, vec4<u32>(pos + 1u,'],
      ['need = s.fraction * f0.x', 'need = 0.5 * s.fraction * f0.x'],
    ],
  ),
  ...of(
    /^sample\/token$/,
    ['sample', 'sample/token lowers penalised logits'],
    [
      ['select(x / penalty, x * penalty, x < 0.0)', 'select(x / penalty, x / penalty, x < 0.0)'],
      ['temperature * log(minP)', 'log(minP)'],
    ],
  ),
  ...of(
    /^latent\/policy_sampler$/,
    ['latent', 'latent/policy_sampler with a codebook and 1 threads'],
    [
      ['max(settings[3], think) + 1u', 'max(settings[3], think)'],
      ['pos + 2u', 'pos + 1u'],
    ],
  ),
  ...of(
    /^latent\/policy_sampler$/,
    ['latent', 'latent/policy_sampler with text thoughts and 1 threads'],
    [
      ['count >= settings[8]', 'count > settings[8]'],
      ['let logNo = logYes - logit', 'let logNo = logYes + logit'],
    ],
  ),
  ...of(/^latent\/line_rewards$/, E_STEP, [
    ['value - cost[n]', 'value + cost[n]'],
    ['k < count[n]', 'k + 1u < count[n]'],
  ]),
  ...of(/^latent\/advantages$/, E_STEP, [
    ['reward[row + u - 1u] + args.gamma * sum', 'reward[row + u - 1u] - args.gamma * sum'],
    ['args.factor * (advantage[at] - mean)', 'advantage[at] - mean'],
  ]),
  ...of(
    /^latent\/importance_advantages$/,
    ['latent', 'latent/importance_advantages equals'],
    [
      ['reward[row + u] - logQ[row + u]', 'reward[row + u] + logQ[row + u]'],
      ['f32(args.G) * share - 1.0', 'share - 1.0 / f32(args.G)'],
    ],
  ),
  ...of(/^latent\/advantage_scale$/, E_STEP, [
    ['max(n - 1.0, 1.0)', 'max(n, 1.0)'],
    ['i < args.N', 'i + 1u < args.N'],
  ]),
  ...of(/^latent\/policy_weights$/, E_STEP, [
    ['settings[1] * later[r]', 'later[r]'],
    ['settings[0] * settings[1]', 'settings[1]'],
  ]),

  ...of(
    /^loss\/policy_gradient$/,
    ['policy', 'loss/policy_gradient equals'],
    [
      ['slope -= args.beta', 'slope += args.beta'],
      ['else if (kept != q) { slope = 0.0; }', ''],
      ['difference / max(trained, 1.0)', 'difference / f32(args.T)'],
      ['max(t.y, largest)', 'largest'],
    ],
  ),

  ...of(/^profile\/stream_copy$/, ['profile', 'profile/stream_copy'], [['i >= args.N', 'i + 1u >= args.N']]),
  ...of(/^profile\/multiply_add$/, ['profile', 'profile/multiply_add'], [['args.steps, 65536u) / 4u', 'args.steps, 65536u) / 8u']]),
];
