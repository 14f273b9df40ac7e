/** `butter completion`: its scripts, sourced and asked in the shells themselves. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { commands } from "../../src/cli/commands.ts";
import { tableOf } from "../../src/cli/completion-table.ts";
import { butter, plainEnv } from "../support/butter.ts";
import { slowness } from "../support/capabilities.ts";
import { type ChildResult, run } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

type Shell = "bash" | "zsh" | "fish";

async function completion(...args: readonly string[]): Promise<ChildResult> {
  return await run([...butter, "completion", ...args], { env: plainEnv });
}

const scripts = new Map<Shell, string>();

/** What zsh finds out about its own completions: it takes it a second. */
const dump = tempDir();
afterAll(() => dump[Symbol.dispose]());

/** Milliseconds: a shell that finds its completions takes a second on a machine that does nothing else. */
const PATIENCE = 30_000;

beforeAll(async () => {
  const init = 'autoload -Uz compinit; compinit -u -d "$1"';
  await Promise.all([
    Bun.which("zsh") && run(["zsh", "-f", "-c", init, "zsh", dump.at("dump")]),
    ...(["bash", "zsh", "fish"] as const).map(async (shell) => {
      scripts.set(shell, (await completion(shell)).stdout);
    }),
  ]);
}, PATIENCE);

/** Splits at "=" as bash does, and asks as it does. */
const ASK_BASH = `
source "$1"; shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_butter
printf '%s\\n' "\${COMPREPLY[@]}"
`;

/** Types the line on a terminal, presses Tab, and writes down what is offered. */
const ASK_ZSH = `
zmodload zsh/zpty
script=$1 line=$2 dump=$3 dir=$PWD
cat >$dir/.inner <<'END'
PS1= PROMPT=
autoload -Uz compinit
compinit -u -C -d $dump
source $script
compadd() {
  local before=\${(j: :)\${@[1,\${@[(i)(-|--)]}]}}
  if [[ " $before" != *' -'[a-zA-Z]#[OAD]' '* ]]; then
    local -a hits
    builtin compadd -A hits "$@"
    print -rl -- $hits >>$dir/.hits
  fi
  builtin compadd "$@"
}
finish() { print >$dir/.done; exit }
setopt extendedglob
comppostfuncs=(finish)
bindkey '^I' complete-word
print ready
END
zpty inner "zsh -f -i"
zpty -w inner "script=$script dump=$dump dir=$dir; source $dir/.inner"
zpty -r -m inner text '*ready*'
zpty -n -w inner "$line"$'\\t'
while zpty -r inner text 2>/dev/null; do [[ -e $dir/.done ]] && break; done
zpty -d inner
[[ -e $dir/.hits ]] && sort -u $dir/.hits
true
`;

/** What a shell offers for the last of the words. */
async function ask(shell: Shell, line: string, files: readonly string[] = []): Promise<string[]> {
  using dir = tempDir();
  using home = tempDir();
  const script = home.at("script");
  writeFileSync(script, scripts.get(shell) ?? "");
  for (const file of files) {
    if (file.endsWith("/")) mkdirSync(dir.at(file));
    else writeFileSync(dir.at(file), "");
  }
  const words = line.split(/ |(=)/).filter((word) => word !== undefined);
  const cmd = {
    bash: ["bash", "--norc", "-c", ASK_BASH, "bash", script, ...words],
    zsh: ["zsh", "-f", "-c", ASK_ZSH, "zsh", script, line, dump.at("dump")],
    fish: ["fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', script, line],
  }[shell];
  const { stdout, stderr } = await run(cmd, {
    cwd: dir.path,
    env: { ...plainEnv, HOME: home.path, XDG_CONFIG_HOME: home.path, TERM: "dumb" },
  });
  expect(stderr).toBe("");
  return stdout
    .split("\n")
    .map((offered) => offered.split("\t")[0]?.trim() ?? "")
    .filter((offered) => offered !== "")
    .toSorted();
}

const names = commands.map(({ name }) => name);

/** A line, and what has to be among what is offered, and what must not be. */
const questions: readonly (readonly [
  line: string,
  offered: readonly string[],
  never: readonly string[],
])[] = [
  ["butter ", names, ["bash", "create"]],
  ["butter wa", ["wait", "watch"], ["timer"]],
  ["butter help t", ["timer", "trace"], ["watch"]],
  ["butter watch --on", ["--once"], ["--on-set"]],
  ["butter timer --on", ["--on-set"], ["--once"]],
  ["butter trace --events ope", ["open", "open_exec"], ["close"]],
  ["butter trace -e clo", ["close", "close_nowrite", "close_write"], ["open"]],
  ["butter timer --clock boot", ["boottime", "boottime-alarm"], ["realtime"]],
  ["butter timer --missed ", ["burst", "delay", "skip"], ["boottime"]],
  ["butter pressure m", ["memory"], ["cpu"]],
  ["butter signals SIGT", ["SIGTERM", "SIGTSTP"], ["SIGHUP", "SIGKILL"]],
  ["butter completion f", ["fish"], ["zsh"]],
  ["butter run --share u", ["uts"], ["pid"]],
  ["butter run ca", ["cat"], ["cpu"]],
  ["butter run -n ca", ["cat"], ["cpu"]],
  ["butter wait --timeout 1 --a", ["--all", "--any"], ["--after"]],
  ["butter doctor --j", ["--json"], []],
];

describe.each(["bash", "zsh", "fish"] as const)("in %s", (shell) => {
  const missing = Bun.which(shell) === null;
  const here = missing ? test.skip : test.concurrent;
  const why = missing ? ` (needs ${shell})` : "";

  here.each([...questions])(
    `completes "%s"${why}`,
    async (line, offered, never) => {
      const found = (await ask(shell, line)).map((word) => word.replace(/=$/, ""));
      expect(found).toEqual(expect.arrayContaining([...offered]));
      for (const word of never) expect(found).not.toContain(word);
    },
    PATIENCE,
  );

  here(
    `completes the last word of a list${why}`,
    async () => {
      const found = await ask(shell, "butter trace --events open,renam");
      expect(found.map((word) => word.split(",").at(-1))).toEqual(["rename"]);
    },
    PATIENCE,
  );

  here(
    `completes a value behind "="${why}`,
    async () => {
      const found = await ask(shell, "butter timer --clock=boottime-");
      expect(found.map((word) => word.split("=").at(-1))).toEqual(["boottime-alarm"]);
    },
    PATIENCE,
  );

  here(
    `completes directories where one is expected, and files elsewhere${why}`,
    async () => {
      const files = ["xfile", "xdir/"];
      const plain = (found: readonly string[]) => found.map((word) => word.replace(/\/$/, ""));
      expect(plain(await ask(shell, "butter run --root x", files))).toEqual(["xdir"]);
      expect(plain(await ask(shell, "butter watch x", files))).toEqual(["xdir", "xfile"]);
    },
    PATIENCE,
  );

  here(
    `completes processes${why}`,
    async () => {
      const pid = `${process.pid}`;
      expect(await ask(shell, `butter wait ${pid.slice(0, -1)}`)).toContain(pid);
    },
    PATIENCE,
  );

  here(
    `completes no number${why}`,
    async () => {
      expect(await ask(shell, "butter watch --count ", ["file"])).toEqual([]);
    },
    PATIENCE,
  );

  here(
    `completes every option of every command${why}`,
    async () => {
      for (const { name, options } of commands.map(tableOf)) {
        const found = await ask(shell, `butter ${name} --`);
        expect(found.map((word) => word.replace(/=$/, ""))).toEqual(
          options.map((option) => `--${option.name}`).toSorted(),
        );
      }
    },
    30_000 * slowness,
  );
});

describe("what the scripts are made of", () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    "butter %s: its help has every option that it parses, with what it is for",
    (_, command) => {
      const table = tableOf(command);
      const help = new Map(
        [...command.help.matchAll(/^ {2}(?:-(\w), | {4})--([\w-]+)/gm)].map(
          ([, short, name = ""]) => [name, short],
        ),
      );
      expect(Object.fromEntries(help)).toEqual(
        Object.fromEntries(table.options.map(({ name, short }) => [name, short])),
      );
      for (const { about, value } of table.options) {
        expect(about).not.toBe("");
        if (value !== undefined) expect(value.name).not.toBe("");
      }
    },
  );
});

describe("the command line", () => {
  test.each([
    ["", "Cannot complete for no shell: name one of bash, zsh, fish"],
    ["tcsh", 'Cannot take the shell: "tcsh" is none of bash, zsh, fish'],
    ["bash zsh", "Cannot complete for more than one shell"],
    ["--json bash", "Cannot take --json: there is no such option"],
  ])("butter completion %s is refused", async (line, message) => {
    const { stdout, stderr, exitCode } = await completion(
      ...line.split(" ").filter((arg) => arg !== ""),
    );
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toStartWith(`butter completion: ${message}`);
  });
});
