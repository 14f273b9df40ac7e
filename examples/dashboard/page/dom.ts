/** Elements of the page. */

/** @throws {TypeError} There is none, or it is of another kind. */
export function byId<T extends Element>(id: string, kind: new () => T): T {
  const found = document.querySelector(`#${id}`);
  if (found instanceof kind) return found;
  throw new TypeError(`Cannot find #${id}: the page has no such ${kind.name}`);
}

/** A new element with a class and text. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = "",
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

/** Sets text only if it is another one, which is most of the time cheaper. */
export function say(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
