/**
 * What is wrong with a glob. `Bun.Glob` takes nothing amiss: it takes what is begun and never ended for the characters themselves, or
 * matches nothing, and who mistyped it would have to find out why.
 *
 * @module
 */

/** Why a glob that begins below what is watched leaves out nothing, or not what it seems to, or `undefined`. */
export function flawOf(glob: string): string | undefined {
  if (glob.startsWith("!"))
    return "would leave out all but that, directories as well: a function can tell them apart";
  const open = openIn(glob);
  if (open !== undefined)
    return `does not end its ${JSON.stringify(open)}: before the character itself a backslash belongs`;
  const part = glob.split("/").find((each) => ["", ".", ".."].includes(each));
  return part === undefined
    ? undefined
    : `matches nothing: no path has a part ${JSON.stringify(part)}`;
}

/** What is begun, and never ended. */
function openIn(glob: string): string | undefined {
  let braces = 0;
  for (let at = 0; at < glob.length; at++) {
    switch (glob[at]) {
      case "\\":
        if (++at === glob.length) return "\\";
        break;
      case "{":
        braces++;
        break;
      case "}":
        braces = Math.max(0, braces - 1);
        break;
      case "[":
        at = endOfSet(glob, at + 1);
        if (at === -1) return "[";
    }
  }
  return braces > 0 ? "{" : undefined;
}

/** Where the set ends that begins there, or -1. */
function endOfSet(glob: string, from: number): number {
  const first = /[!^]/.test(glob.charAt(from)) ? from + 1 : from;
  for (let at = first; at < glob.length; at++) {
    if (glob[at] === "\\") at++;
    // As the first of them it is one of the set.
    else if (glob[at] === "]" && at > first) return at;
  }
  return -1;
}
