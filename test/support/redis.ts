/** A Redis server of one test's own, on a socket in a directory that goes with the test. */
import { Butter } from "./butter.ts";
import { type TempDir, tempDir } from "./temp.ts";

const program = Bun.which("redis-server");

export const hasRedis: boolean = program !== null;

export class RedisServer implements AsyncDisposable {
  readonly #dir: TempDir = tempDir();
  #server: Butter | undefined;

  /** Where clients find it. */
  get url(): string {
    return `redis+unix://${this.#dir.at("socket")}`;
  }

  static async start(): Promise<RedisServer> {
    const redis = new RedisServer();
    await redis.start();
    return redis;
  }

  /** Starts it, or starts it again with all that it has acknowledged. */
  async start(): Promise<void> {
    const args = ["--port", "0", "--unixsocket", this.#dir.at("socket"), "--save", ""];
    const durable = ["--appendonly", "yes", "--appendfsync", "always"];
    this.#server = Butter.start([...args, ...durable], {
      cwd: this.#dir.path,
      program: [program ?? ""],
    });
    await this.#server.stdout.until((text) => text.includes("eady to accept connections"));
  }

  /** Ends it in the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#dir[Symbol.dispose]();
  }
}
