// A tab that the driver leaves alone, so that it can be hidden: playwright makes every page of its own believe that it is seen. Driven by plain
// debugging messages. Refuses nothing; what the page throws is thrown.
import type { Browser } from 'playwright-core';

export interface PlainTab {
  /** The value of an expression in the page; promises are waited for. */
  evaluate(expression: string): Promise<unknown>;
  /** Puts the tab before the others of its window, which hides them. */
  show(): Promise<void>;
}

interface Answer {
  id: number;
  error?: { message: string };
  result?: { result?: { value?: unknown }; exceptionDetails?: { exception?: { description?: string } } };
}

/** Opens tabs of one window. */
export async function plainTabs(browser: Browser): Promise<(url: string) => Promise<PlainTab>> {
  const control = await browser.newBrowserCDPSession();
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  control.on('Target.receivedMessageFromTarget', ({ message }) => {
    const answer = JSON.parse(message) as Answer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  return async (url) => {
    const { targetId } = await control.send('Target.createTarget', { url });
    const { sessionId } = await control.send('Target.attachToTarget', { targetId, flatten: false });
    return {
      evaluate: async (expression) => {
        const id = ++last;
        const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
        const params = { expression, awaitPromise: true, returnByValue: true };
        await control.send('Target.sendMessageToTarget', {
          sessionId,
          message: JSON.stringify({ id, method: 'Runtime.evaluate', params }),
        });
        const { error, result } = await answered;
        const thrown = error?.message ?? result?.exceptionDetails?.exception?.description;
        if (thrown) throw new Error(`${expression.slice(0, 60)}: ${thrown}`);
        return result?.result?.value;
      },
      show: async () => void (await control.send('Target.activateTarget', { targetId })),
    };
  };
}
