/**
 * Who gets in. Whoever may reach the loopback interface does, but no page of another site that a browser has open: its
 * requests have another Host, or another Origin. Everything else takes the token.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Characters. What is shorter can be guessed. */
export const SHORTEST_TOKEN = 16;

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether a host to listen on is this machine's alone. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname) || hostname === "::1";
}

/** A token that nobody guesses. */
export function newToken(): string {
  return randomBytes(24).toString("base64url");
}

/** How a request is refused. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly text: string;
}

export class Access {
  readonly #token: string | undefined;

  /** @param token Nobody needs one without, and only names of the loopback interface are answered to. */
  constructor(token: string | undefined) {
    this.#token = token;
  }

  /** Why a request is refused, or `undefined` if it is not. */
  refusal(request: Request): Refusal | undefined {
    const { host, hostname, searchParams } = new URL(request.url);
    if (this.#token === undefined && !LOOPBACK.test(hostname))
      return { status: 403, text: `This server does not answer to the name ${hostname}\n` };
    const origin = request.headers.get("origin");
    if (origin !== null && URL.parse(origin)?.host !== host)
      return { status: 403, text: `This server has nothing for pages of ${origin}\n` };
    if (this.#token === undefined) return undefined;
    const [, bearer] = /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
    const given = bearer ?? searchParams.get("token");
    if (given !== null && given !== undefined) {
      if (this.admits(given)) return undefined;
      return { status: 401, text: "The token is wrong\n" };
    }
    const cookie = new Bun.CookieMap(request.headers.get("cookie") ?? "").get(cookieName(host));
    if (cookie !== null && isSame(cookie, this.#proof)) return undefined;
    return {
      status: 401,
      text: "A token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN\n",
    };
  }

  /** Whether that is the token. */
  admits(token: string): boolean {
    return this.#token === undefined || isSame(token, this.#token);
  }

  /** A cookie that stands for the token, and does not tell it. It outlives the server, as the token may. */
  cookie(request: Request): string {
    const name = cookieName(new URL(request.url).host);
    const options = { httpOnly: true, sameSite: "strict", path: "/" } as const;
    return new Bun.Cookie(name, this.#proof, options).toString();
  }

  get #proof(): string {
    return createHmac("sha256", this.#token ?? "")
      .update("dashboard")
      .digest("base64url");
  }
}

/** Cookies are shared by all ports of a host. */
function cookieName(host: string): string {
  return `dashboard-${/:(\d+)$/.exec(host)?.[1] ?? "80"}`;
}

/** Takes the same time wherever they differ, and whatever their lengths. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}
