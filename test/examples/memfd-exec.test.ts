/** examples/memfd-exec.ts does what it says. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { emulated } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";

const example = new URL("../../examples/memfd-exec.ts", import.meta.url).pathname;

test.skipIf(emulated)(
  "examples/memfd-exec.ts runs a sealed copy of a program (not under emulation)",
  async () => {
    const cmd = [bun, example, "sh", "-c", 'readlink "/proc/$$/exe"; exit 7'];
    const { stdout, stderr, exitCode } = await run(cmd);
    expect(stdout).toBe("/memfd:sh (deleted)\n");
    expect(exitCode).toBe(7);
    const program = readFileSync(Bun.which("sh") ?? "");
    const digest = new Bun.CryptoHasher("sha256").update(program).digest("hex");
    expect(stderr).toBe(
      `sh: ${program.byteLength} bytes, sha256 ${digest}, sealed: seal shrink grow write\n`,
    );
  },
);
