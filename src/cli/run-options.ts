/**
 * The command line of `butter run`.
 *
 * @module
 */
import type { SpawnMount, SpawnNamespace } from "../index.ts";
import { parse, words } from "./args.ts";
import { UsageError } from "./command.ts";

/** What `butter run` was asked for. */
export interface RunOptions {
  readonly cmd: readonly string[];
  readonly namespaces: readonly SpawnNamespace[];
  readonly hostname: string | undefined;
  readonly root: string | undefined;
  readonly cwd: string | undefined;
  /** In the order in which they were given, but the root first. */
  readonly mounts: readonly SpawnMount[];
}

export const RUN_HELP = `Usage: butter run [OPTION…] [--] CMD [ARG…]

Runs a command in namespaces of its own: it sees no other processes, has its own mounts, host name,
IPC and cgroup root, and leaves nothing running or mounted behind. It takes root.

Options:
  -r, --root DIR             make DIR its root
  -H, --hostname NAME        call the machine NAME
  -n, --no-network           no network but a loopback device
  -w, --cwd DIR              begin in DIR, as it is seen there (default: here, or / with a root)
  -b, --bind SOURCE[:DIR]    show a file or directory of this system there, with what is
                             mounted below
  -B, --bind-ro SOURCE[:DIR] the same, read-only
  -t, --tmpfs DIR            an empty file system in memory; "/" makes it the root
      --share KIND,…         do not separate: mount, uts, ipc, pid, cgroup
  -h, --help                 print this

Options end where CMD begins. Mounts are made in the order in which they are given, and
directories for them where they are missing, in DIR of --root too. /proc shows the command's own
processes: it is mounted if the root has such a directory, or is in memory (Linux 6.18; before,
take --share pid).

Terminal and signals:
  The command has this terminal and these standard streams. A signal that butter is sent is
  passed on.
  Process 1 gets only signals that it handles: for one that it does not, SIGKILL stands in.
  If butter itself is killed with SIGKILL, the command lives on.

Exit codes:
  N    that of the command, or 128 and the number of the signal that ended it
  1    an error of butter's
  126  the command can't be run
  127  there is no such command

Examples:
  butter run --no-network -- bun test
  butter run --tmpfs / -B /bin -B /lib -B /lib64 -B /usr --hostname box sh
  butter run --root /srv/alpine --hostname alpine /bin/sh
`;

const KINDS: readonly SpawnNamespace[] = ["mount", "uts", "ipc", "pid", "cgroup"];

const OPTIONS = {
  root: { type: "string", short: "r" },
  hostname: { type: "string", short: "H" },
  "no-network": { type: "boolean", short: "n" },
  cwd: { type: "string", short: "w" },
  bind: { type: "string", short: "b", multiple: true },
  "bind-ro": { type: "string", short: "B", multiple: true },
  tmpfs: { type: "string", short: "t", multiple: true },
  share: { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
} as const;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function runOptions(args: readonly string[]): RunOptions | undefined {
  const begin = commandAt(args);
  const { values, tokens } = parse(args.slice(0, begin), OPTIONS);
  if (values.help === true) return undefined;
  const cmd = args.slice(args[begin] === "--" ? begin + 1 : begin);
  if (cmd.length === 0) throw new UsageError("Cannot run nothing: name a command");
  const shared = new Set(words(values.share ?? [], "share", KINDS));
  const mounts = tokens.flatMap((token) =>
    token.kind === "option" && typeof token.value === "string"
      ? mountOf(token.name, token.value)
      : [],
  );
  const { root, hostname, cwd } = values;
  if (root !== undefined && mounts.some(({ target }) => target === "/"))
    throw new UsageError("Cannot take --root together with a mount on /: both are the root");
  return {
    cmd,
    namespaces: [
      ...KINDS.filter((kind) => !shared.has(kind)),
      ...(values["no-network"] === true ? (["net"] as const) : []),
    ],
    hostname,
    root,
    cwd,
    mounts: mounts.toSorted((a, b) => Number(b.target === "/") - Number(a.target === "/")),
  };
}

/** Whether an argument is an option whose value is the next one. */
function takesNext(arg: string): boolean {
  return Object.entries(OPTIONS).some(
    ([name, option]) =>
      option.type === "string" &&
      (arg === `--${name}` || ("short" in option && arg === `-${option.short}`)),
  );
}

/** Where the options end. */
function commandAt(args: readonly string[]): number {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--" || !arg.startsWith("-") || arg === "-") return at;
    if (takesNext(arg)) at++;
  }
  return args.length;
}

function mountOf(option: string, value: string): SpawnMount[] {
  if (option === "tmpfs") return [{ type: "tmpfs", target: absolute(option, value) }];
  if (option !== "bind" && option !== "bind-ro") return [];
  const [, source = "", target = source] = /^(.*?)(?::(.*))?$/s.exec(value) ?? [];
  if (source === "") throw new UsageError(`Cannot take --${option}: it names no file or directory`);
  const flags = option === "bind-ro" ? (["ro"] as const) : [];
  return [{ source, target: absolute(option, target), flags }];
}

function absolute(option: string, target: string): string {
  if (target.startsWith("/")) return target;
  throw new UsageError(
    `Cannot take --${option}: ${JSON.stringify(target)} is no absolute path, by which it is seen there`,
  );
}
