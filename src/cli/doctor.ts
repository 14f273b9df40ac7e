/**
 * `butter doctor`: tells what this system lets the library do.
 *
 * @module
 */
import { arch, release } from "node:os";

import manifest from "../../package.json" with { type: "json" };
import { command, EXIT } from "./command.ts";
import { features } from "./doctor-features.ts";
import { limits } from "./doctor-limits.ts";
import { DOCTOR_HELP, type DoctorOptions, doctorOptions } from "./doctor-options.ts";
import { privileges } from "./doctor-privileges.ts";
import { type Diagnosis, lacking, report } from "./doctor-report.ts";
import { usageOf } from "./doctor-usage.ts";
import { print } from "./output.ts";
import { Progress } from "./progress.ts";

export const doctor = command({
  name: "doctor",
  summary: "tell what this system lets butter do, and how full its limits are",
  help: DOCTOR_HELP,
  parse: doctorOptions,
  run: async ({ json }: DoctorOptions) => {
    const diagnosis = diagnose();
    await print(json ? `${JSON.stringify(diagnosis)}\n` : report(diagnosis));
    return diagnosis.well ? EXIT.OK : EXIT.ATTENTION;
  },
});

function diagnose(): Diagnosis {
  using progress = new Progress("Looking at processes");
  // Before anything is tried out, so that it is not counted.
  const usage = usageOf(process.geteuid?.() ?? 0, progress);
  const full = limits(usage);
  const tried = features();
  return {
    well: !tried.some(lacking) && !full.some(({ near }) => near),
    system: {
      kernel: `Linux ${release()} ${arch()}`,
      libc: libc(),
      bun: Bun.version,
      butter: manifest.version,
      user: `${process.geteuid?.()}`,
    },
    features: tried,
    privileges: privileges(),
    limits: full,
    processes: usage.processes,
    hidden: usage.hidden,
  };
}

/** Its name and version, as far as Bun tells. */
function libc(): string {
  const { header } = process.report.getReport() as {
    readonly header?: { readonly glibcVersionRuntime?: string };
  };
  const version = header?.glibcVersionRuntime;
  return version === undefined || version === "" ? "musl" : `glibc ${version}`;
}
