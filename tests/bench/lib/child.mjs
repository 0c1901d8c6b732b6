// A child process that answers calls, so that each subject can have its own process.
import { fork } from 'node:child_process';
import { once } from 'node:events';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Calls a module that has called `serve`. One call at a time. */
export class Child {
  #process;

  constructor(modulePath, args = [], execArgv = []) {
    this.#process = fork(modulePath, args, { execArgv, serialization: 'advanced' });
    running.add(this.#process);
    this.#process.once('exit', () => running.delete(this.#process));
  }

  /** Resolves to the result of the child's method; rejects with its error, or if the child ends. */
  async call(method, params) {
    const ended = new AbortController();
    const onExit = (code, signal) => ended.abort(new Error(`child ended: ${signal ?? code}`));
    this.#process.once('exit', onExit);
    try {
      const answer = once(this.#process, 'message', { signal: ended.signal });
      this.#process.send({ method, params });
      const [{ result, error }] = await answer.catch((reason) => {
        throw ended.signal.aborted ? ended.signal.reason : reason;
      });
      if (error !== undefined) throw new Error(error);
      return result;
    } finally {
      this.#process.off('exit', onExit);
    }
  }

  async stop() {
    if (!running.has(this.#process)) return;
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    const impatient = setTimeout(() => this.#process.kill('SIGKILL'), 5000);
    await exited;
    clearTimeout(impatient);
  }
}

/** In the child: answers calls with these methods until the parent disconnects, then calls `close`. */
export function serve(methods, close = () => {}) {
  process.on('message', async ({ method, params }) => {
    try {
      process.send({ result: await methods[method](params) });
    } catch (error) {
      process.send({ error: error.stack ?? String(error) });
    }
  });
  process.once('disconnect', async () => {
    await close();
    process.exit();
  });
}
