// The temporal ELBO's reference is the product's own float64 code: the kernels follow it.
export * from '../../src/midtrain/elbo.ts';
