// The worker for texts: a tokenizer and chat templates of foreign files at work, where they can be ended. Answers what textClient.ts sends.
import { makeTextWork, READY, type TextRequest } from '../formats/textWork.ts';

const work = makeTextWork();

self.onmessage = ({ data }: MessageEvent<TextRequest>) => {
  self.postMessage(work(data));
};
self.postMessage(READY);
