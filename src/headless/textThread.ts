// The thread for texts in Node: a tokenizer and chat templates of foreign files at work, where they can be ended. Answers what textClient.ts sends.
import { parentPort } from 'node:worker_threads';
import { makeTextWork, READY, type TextRequest } from '../formats/textWork.ts';

const work = makeTextWork();

parentPort?.on('message', (request: TextRequest) => parentPort?.postMessage(work(request)));
parentPort?.postMessage(READY);
