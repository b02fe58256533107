// What is wrong with a model, its weights or what is asked of it: a sentence for the person who brought it.
// Promises nothing else. Refuses nothing.
export class ModelError extends Error {
  override name = 'ModelError';
}
