// The guided tour, as data: what is pointed at, and what is said there. A step whose place is not on the page (a hidden panel) is passed over.

export interface TourStep {
  /** A selector of one element of the page. */
  anchor: string;
  title: string;
  text: string;
}

export const TOUR: readonly TourStep[] = [
  {
    anchor: '#panel-learning',
    title: 'A run that was recorded',
    text: 'The page opens on a finished run of the built-in task. RLVR starts from three models: the base, plain next-token prediction, and RA3. Whose reward rises first, and how far?',
  },
  {
    anchor: '#panel-drop',
    title: 'Your model, your data',
    text: 'Drop a model folder, a GGUF file or a dataset anywhere. It is read here and goes nowhere; what was recognised is said before anything runs. Without a drop, the built-in model and task are used.',
  },
  {
    anchor: '#panel-recipe',
    title: 'One recipe',
    text: 'All of the experiment is this one object, as a form or as text. Start from a preset; what you changed of it stands in one line.',
  },
  {
    anchor: '[data-verb="run"]',
    title: 'Run, pause, step',
    text: 'Run trains live on your GPU; the built-in task takes minutes. Pause holds it at a step, Step goes one further. A hidden tab does not slow it.',
  },
  {
    anchor: '#panel-found',
    title: 'What it found',
    text: 'Expert programs, with the lines before which the policy stops to think, what it thinks, and what that gains in log-likelihood. Early on it thinks everywhere; then it prunes.',
  },
  {
    anchor: '#panel-theory',
    title: 'Why it works',
    text: "The paper's bounds in small worlds, computed as you move the sliders, with the run's own numbers beside them.",
  },
  {
    anchor: '#panel-rollouts',
    title: 'What it writes',
    text: 'Whole groups of rollouts: tokens shaded by log-probability, the verdict of each line, the advantage that training used.',
  },
  {
    anchor: '[data-verb="share"]',
    title: 'Share it',
    text: 'Share puts recipe, curves and the way you look at them into a link. Opening one starts nothing, and needs no GPU.',
  },
];
