// Starts the worker for texts from the lab's worker. Refuses nothing: what the worker does not answer, TextWorker ends.
import { READY, type TextAnswer, type TokenizerFiles } from '../formats/textWork.ts';
import { TextWorker } from '../formats/textWorker.ts';
import workerUrl from './text.worker.ts?worker&url';
import { trustedUrl } from './trustedUrl.ts';

export function openTextWorker(files: TokenizerFiles | null): TextWorker {
  return new TextWorker((listener) => {
    const worker = new Worker(trustedUrl(workerUrl), { type: 'module', name: 'ra3-lab texts' });
    worker.onmessage = ({ data }: MessageEvent<TextAnswer | typeof READY>) => (data === READY ? listener.ready() : listener.answered(data));
    worker.onerror = (event) => listener.died(event.message || 'its script could not be loaded');
    worker.onmessageerror = () => listener.died('a message could not be read');
    return { send: (request) => worker.postMessage(request), end: () => worker.terminate() };
  }, files);
}
