/** examples/container.ts does what it says. */
import { expect, test } from "bun:test";

import { kernel } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";
import { canLeave, whereabouts } from "../support/whereabouts.ts";

const example = new URL("../../examples/container.ts", import.meta.url).pathname;

test.skipIf(!canLeave || !kernel(6, 18))(
  "examples/container.ts runs a command in a world of its own (CAP_SYS_ADMIN, Linux 6.18)",
  async () => {
    const before = whereabouts();
    const code = `
      cat /proc/sys/kernel/hostname
      echo $$ /proc/[0-9]*
      tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '
      echo x > /tmp/x && echo x > /dev/null && ls /tmp /dev
      (echo x > /usr/x) 2> /dev/null || echo read-only
      exit 5`;
    const { stdout, stderr, exitCode } = await run([bun, example, "sh", "-c", code]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 5 });
    expect(stdout.trimEnd().split("\n")).toEqual([
      "butter-box",
      "1 /proc/1",
      "lo",
      "/dev:",
      "null",
      "",
      "/tmp:",
      "x",
      "read-only",
    ]);
    expect(whereabouts()).toEqual(before);
  },
);
