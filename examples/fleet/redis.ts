/** The Redis server at REDIS_URL, which may be away for a while. */
import { RedisClient } from "bun";

/** The events of all machines, in the order in which they came. */
export const STREAM = "fleet:events";

/** What an agent or a consumer asks it. */
export class Redis implements Disposable {
  // By itself it would give up after some time. A server that is silent for 30 s is one that is away.
  readonly client = new RedisClient(undefined, {
    autoReconnect: false,
    enableOfflineQueue: false,
    idleTimeout: 30_000,
  });
  readonly #signal: AbortSignal;

  /** @param signal Ends what waits. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.client.close(), { once: true });
  }

  /**
   * Asks, and asks again as often as the server is away. What is asked may therefore be done twice.
   *
   * @throws What the server answers, if it is an error, and what the signal is aborted with.
   */
  async ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T> {
    for (let delay = 10; ; delay = Math.min(delay * 2, 1000)) {
      this.#signal.throwIfAborted();
      try {
        await this.client.connect();
        return await question(this.client);
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!isAway(error)) throw error;
        if (delay === 10) console.error(`Redis is away: ${error.message}`);
      }
      await Bun.sleep(delay);
    }
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** Whether it will be back: there is no connection, or the server still reads its files. */
function isAway(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code = "", message } = error as NodeJS.ErrnoException;
  return /^ERR_REDIS_(CONNECTION|IDLE)/.test(code) || message.startsWith("LOADING");
}

/** Aborts at Ctrl-C and SIGTERM. */
export function untilStopped(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
  return stopping.signal;
}
