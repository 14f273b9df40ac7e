/** A `butter` with a mount namespace of its own, and other processes in the same one. */
import { Butter, type ButterOptions } from "./butter.ts";
import { run } from "./child.ts";
import { canMount } from "./namespace.ts";

/** Whether there can be one. */
export const canEnter: boolean = canMount && Bun.which("nsenter") !== null;

/** Starts it after a script of the shell, such as `mount -t tmpfs none /dir`, and waits until it says a word. */
export async function startMounted(
  setup: string,
  args: readonly string[],
  word: string,
  options: Partial<ButterOptions> = {},
): Promise<Butter> {
  const unshare = ["unshare", "--mount", "--propagation", "private"];
  const through = [
    ...unshare,
    "sh",
    "-ec",
    `${setup}\nexec "$@"`,
    "sh",
    ...(options.through ?? []),
  ];
  const child = Butter.start(args, { cwd: "/", ...options, through });
  await child.stderr.until((text) => text.includes(word));
  return child;
}

/** The command that runs another one where a process is. */
export function inside(pid: number, ...cmd: readonly string[]): string[] {
  return ["nsenter", `--mount=/proc/${pid}/ns/mnt`, "--", ...cmd];
}

/** Runs a script of the shell where a process is. */
export async function sh(pid: number, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await run(inside(pid, "sh", "-ec", script));
  if (exitCode !== 0) throw new Error(`${exitCode}: ${stdout}${stderr}`);
  return stdout;
}
