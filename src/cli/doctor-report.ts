/**
 * What `butter doctor` found out, for people.
 *
 * @module
 */
import type { Feature } from "./doctor-features.ts";
import type { Limit } from "./doctor-limits.ts";
import type { Privilege } from "./doctor-privileges.ts";

/** What was found out. */
export interface Diagnosis {
  /** Whether nothing should be seen to. */
  readonly well: boolean;
  readonly system: Readonly<Record<string, string>>;
  readonly features: readonly Feature[];
  readonly privileges: readonly Privilege[];
  readonly limits: readonly Limit[];
  /** How many processes of this user were counted. */
  readonly processes: number;
  /** How many more it has, whose descriptors can't be seen. */
  readonly hidden: number;
}

/** Whether something of the core is not there. */
export function lacking({ core, state }: Feature): boolean {
  return core && state !== "ok" && state !== "unknown";
}

/** The report, with a newline at its end. */
export function report(diagnosis: Diagnosis): string {
  const { well, system, features, privileges, limits, processes, hidden } = diagnosis;
  const lacks = privileges.some(({ has }) => !has);
  const sections = [
    ["System", ...Object.entries(system).map(([name, value]) => row(" ", name, 10, value))],
    ["Features", ...features.map(featureRow)],
    [
      "Privileges",
      ...privileges.map(({ name, has, use }) =>
        row(" ", name, 20, `${has ? "yes" : "no "}  ${use}`),
      ),
      ...(lacks
        ? ["  To get one: root, docker run --cap-add NAME, AmbientCapabilities= of systemd"]
        : []),
    ],
    [
      `Limits (of this user: what ${processes} ${processes === 1 ? "process has" : "processes have"}${hidden === 0 ? "" : `, ${hidden} more can't be seen`})`,
      ...limits.flatMap(limitRows),
      "  To raise one: sysctl -w NAME=VALUE, and in /etc/sysctl.d to keep it",
    ],
    [well ? wellWithout(features) : 'What is marked with "!" should be seen to.'],
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** Not to have a privilege is no fault. */
function wellWithout(features: readonly Feature[]): string {
  const count = features.filter(({ state }) => state === "needs").length;
  if (count === 0) return "All is well.";
  return `All is well, but ${count === 1 ? "one feature needs" : `${count} features need`} a capability.`;
}

function row(mark: string, name: string, width: number, text: string): string {
  return `${mark} ${name.padEnd(width)}  ${text}`.trimEnd();
}

function featureRow(feature: Feature): string {
  const { name, state, use, why } = feature;
  return row(
    lacking(feature) ? "!" : " ",
    name,
    26,
    `${state.padEnd(7)}  ${use}${why === undefined ? "" : ` (${why})`}`,
  );
}

function limitRows({ name, of, limit, used, effect, raise, near }: Limit): string[] {
  const amount = `${used ?? "?"} of ${limit === Infinity ? "no limit" : (limit ?? "?")}`;
  const line = row(near ? "!" : " ", name, 30, `${amount.padEnd(24)} ${of.padEnd(8)} ${effect}`);
  return near ? [line, `    raise it: ${raise}`] : [line];
}
