/** The token: out of the address, or asked for. */
import { statusOf } from "./connection.ts";
import { byId } from "./dom.ts";

/** Gives the server the token that the address ends with (`#token=…`), and takes it out of sight. */
export async function loginFromAddress(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(null, "", location.pathname);
  await give(token);
}

export class Login {
  readonly #dialog = byId("login", HTMLDialogElement);
  readonly #token = byId("token", HTMLInputElement);
  readonly #error = byId("login-error", HTMLElement);

  /** @param done Called when the server has taken the token. */
  constructor(done: () => void) {
    // There is nothing behind it to go back to.
    this.#dialog.addEventListener("cancel", (event) => event.preventDefault());
    byId("login-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit(done);
    });
  }

  ask(): void {
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** It is known by now. */
  close(): void {
    this.#dialog.close();
  }

  async #submit(done: () => void): Promise<void> {
    this.#error.textContent = "";
    const status = await give(this.#token.value);
    if (status === 204) {
      this.#token.value = "";
      this.#dialog.close();
      return done();
    }
    this.#error.textContent =
      status === 401 ? "That is not the token" : "The server does not answer";
  }
}

async function give(token: string): Promise<number | undefined> {
  return await statusOf("/session", { method: "POST", body: token });
}
