/** The machine code of Signalfd's handler is what its source says. */
import { describe, expect, test } from "bun:test";

import { DATA, GIVEN_BACK, handlerCode } from "../../src/events/signal-handler-code.ts";
import { SIGACTION_SIZE } from "../../src/syscalls/signal.ts";
import { emulated } from "../support/capabilities.ts";
import { run } from "../support/child.ts";
import { textOf } from "../support/source.ts";
import { tempDir } from "../support/temp.ts";

/** What binutils without a prefix are for, where that is sure. */
const native = emulated ? undefined : process.arch;

/** Where GNU binutils for an architecture begin their names; none if they are not installed. */
function binutils(arch: "x64" | "arm64"): string | undefined {
  const prefix = { x64: "x86_64-linux-gnu-", arm64: "aarch64-linux-gnu-" }[arch];
  return (arch === native ? [prefix, ""] : [prefix]).find(
    (candidate) =>
      Bun.which(`${candidate}as`) !== null && Bun.which(`${candidate}objcopy`) !== null,
  );
}

describe.each(["x64", "arm64"] as const)("%s", (arch) => {
  const prefix = binutils(arch);
  const source = `src/events/signal-handler.${arch}.s`;

  test.skipIf(prefix === undefined)(
    `the bytes are what ${source} assembles to${prefix === undefined ? ` (needs binutils for ${arch})` : ""}`,
    async () => {
      using dir = tempDir();
      const commands = [
        [`${prefix}as`, "-o", dir.at("code.o"), source],
        [`${prefix}objcopy`, "-O", "binary", "-j", ".text", dir.at("code.o"), dir.at("code.bin")],
      ];
      for (const command of commands)
        expect(await run(command)).toMatchObject({ stderr: "", exitCode: 0 });
      const assembled = await Bun.file(dir.at("code.bin")).bytes();
      expect(handlerCode(arch).toHex()).toBe(assembled.toHex());
    },
  );

  test("the places in the data are those of the source", () => {
    const text = textOf(source);
    const constant = (name: string): number =>
      Number(new RegExp(`^\\s*\\.set ${name}, (?:forward \\+ )?(\\S+)`, "m").exec(text)?.[1]);
    expect({
      data: constant("data"),
      active: constant("data_active"),
      fds: constant("data_fds"),
      lost: constant("data_lost"),
      owner: constant("data_owner"),
      saved: constant("data_saved"),
      savedSize: constant("saved_size"),
      GIVEN_BACK: constant("GIVEN_BACK"),
    }).toEqual({
      data: DATA.offset,
      active: DATA.active,
      fds: DATA.fds,
      lost: DATA.lost,
      owner: DATA.owner,
      saved: DATA.saved,
      savedSize: SIGACTION_SIZE,
      GIVEN_BACK,
    });
  });
});

test("the data has room for 64 signals, and nothing overlaps", () => {
  const each = 65 * 4;
  const places = [
    [DATA.active, 4],
    [DATA.fds, each],
    [DATA.lost, each],
    [DATA.owner, 4],
    [DATA.started, 4],
    [DATA.saved, 65 * SIGACTION_SIZE],
  ] as const;
  let end = 0;
  for (const [from, length] of places) {
    expect(from).toBeGreaterThanOrEqual(end);
    end = from + length;
  }
  expect(end).toBeLessThanOrEqual(DATA.size);
  // The largest page that arm64 has.
  expect(DATA.offset % 0x1_0000).toBe(0);
});
