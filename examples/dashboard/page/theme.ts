/** Light, dark, or as the system has it. */
const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const KEY = "dashboard-theme";

export class Theming {
  readonly #button: HTMLButtonElement;
  #theme: Theme = stored();

  constructor(button: HTMLButtonElement) {
    this.#button = button;
    button.addEventListener("click", () => this.next());
    this.#apply();
  }

  next(): void {
    this.#theme = THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length] ?? "auto";
    try {
      localStorage.setItem(KEY, this.#theme);
    } catch {
      // A browser that keeps nothing: it is for now, then.
    }
    this.#apply();
  }

  #apply(): void {
    document.documentElement.dataset["theme"] = this.#theme;
    this.#button.textContent = `${this.#theme[0]?.toUpperCase()}${this.#theme.slice(1)}`;
    this.#button.ariaLabel = `Theme: ${this.#theme}`;
  }
}

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}
