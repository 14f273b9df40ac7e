/** What the command line says. */
import { parseArgs } from "node:util";

import { isLoopback, newToken, SHORTEST_TOKEN } from "./access.ts";

export const USAGE = `Usage: bun examples/dashboard/server.ts [OPTION]… [DIR]…

Shows in a browser what happens in directories and below, the working directory without DIR.

  --host HOST    where to listen (127.0.0.1); anything but this machine itself takes a token
  --port PORT    which port (8722), 0 for any that is free
  --keep N       how many events are kept for clients that are behind, or come later (32768)
  --no-touches   don't look who touches which file

The token is DASHBOARD_TOKEN, ${SHORTEST_TOKEN} characters or more, or one that is made and printed.`;

export interface Options {
  readonly host: string;
  readonly port: number;
  readonly keep: number;
  readonly touches: boolean;
  readonly token: string | undefined;
  readonly dirs: readonly string[];
}

/** What was typed is wrong. */
export class UsageError extends Error {}

/** @returns `undefined` if help is wanted. */
export function optionsOf(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Options | undefined {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  const { host } = values;
  return {
    host,
    port: integer("--port", values.port, 0, 65_535),
    keep: integer("--keep", values.keep, 1, 1_000_000),
    touches: !values["no-touches"],
    token: tokenOf(host, env["DASHBOARD_TOKEN"]),
    dirs: positionals.length === 0 ? ["."] : positionals,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        host: { type: "string", default: "127.0.0.1" },
        port: { type: "string", default: "8722" },
        keep: { type: "string", default: "32768" },
        "no-touches": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(
    `${name} takes a number from ${least} to ${most}, not ${JSON.stringify(text)}`,
  );
}

function tokenOf(host: string, given: string | undefined): string | undefined {
  if (given === undefined || given === "") return isLoopback(host) ? undefined : newToken();
  if (given.length >= SHORTEST_TOKEN && !/\s/.test(given)) return given;
  throw new UsageError(
    `DASHBOARD_TOKEN takes ${SHORTEST_TOKEN} characters or more, without spaces: openssl rand -hex 16 makes some`,
  );
}
