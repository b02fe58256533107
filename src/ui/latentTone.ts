// The colour of a latent by its number: ten tones, then the same dashed; none without a latent.

export function latentTone(number: number): string {
  return number < 0 ? 'no-latent' : `latent-${number % 10}${number >= 10 ? ' latent-dashed' : ''}`;
}
