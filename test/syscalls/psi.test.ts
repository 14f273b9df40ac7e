/** Pressure files against the running kernel, and their text as data. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { ValueError } from "bun-butter";
import { AT, close, O, openat, psi_read, psi_write, read_psi } from "bun-butter/syscalls";

import { can, kernel } from "../support/capabilities.ts";

const psi = existsSync("/proc/pressure/memory");
const triggers = psi && (kernel(6, 4) || can("CAP_SYS_RESOURCE"));

function opened(flags: number, use: (fd: number) => void): void {
  const fd = openat(AT.FDCWD, "/proc/pressure/memory", flags | O.CLOEXEC);
  try {
    use(fd);
  } finally {
    close(fd);
  }
}

test("read_psi() reads both lines, with counters of 64 bits", () => {
  const text = `some avg10=0.22 avg60=100.00 avg300=1.07 total=18446744073709551615
full avg10=0.00 avg60=0.10 avg300=0.00 total=7
`;
  expect(read_psi(text)).toEqual({
    some: { avg10: 0.22, avg60: 100, avg300: 1.07, total: 18446744073709551615n },
    full: { avg10: 0, avg60: 0.1, avg300: 0, total: 7n },
  });
});

test("read_psi() does without a line that is not there, and without those of a newer kernel", () => {
  expect(read_psi("some avg10=1.00 avg60=2.00 avg300=3.00 total=4\nmost of it=1\n")).toEqual({
    some: { avg10: 1, avg60: 2, avg300: 3, total: 4n },
  });
  expect(read_psi("")).toEqual({});
});

test.skipIf(!psi)("psi_read() reads from the beginning each time (needs /proc/pressure)", () => {
  opened(O.RDONLY, (fd) => {
    const first = psi_read(fd);
    expect(Object.keys(first)).toEqual(["some", "full"]);
    expect(Object.keys(psi_read(fd))).toEqual(["some", "full"]);
    expect(first.some?.avg10).toBeWithin(0, 100.01);
  });
});

test.skipIf(!triggers)(
  "psi_write() makes one trigger of a descriptor (needs Linux 6.4 or CAP_SYS_RESOURCE)",
  () => {
    opened(O.RDWR | O.NONBLOCK, (fd) => {
      psi_write(fd, "full", 2_000_000, 2_000_000);
      expect(() => psi_write(fd, "some", 2_000_000, 2_000_000)).toThrow(
        expect.objectContaining({ code: "EBUSY" }),
      );
    });
  },
);

test.skipIf(!triggers)(
  "psi_write() says which windows there are (needs Linux 6.4 or CAP_SYS_RESOURCE)",
  () => {
    opened(O.RDWR | O.NONBLOCK, (fd) => {
      for (const [stall, window] of [
        [1, 12_000_000],
        [2_000_001, 2_000_000],
        [0, 2_000_000],
        [0, 0],
      ] as const) {
        expect(() => psi_write(fd, "some", stall, window)).toThrow(ValueError);
        expect(() => psi_write(fd, "some", stall, window)).toThrow("multiple of 2 s");
      }
    });
  },
);

test.skipIf(!psi)("psi_write() refuses what is no number, and a file that is only read", () => {
  opened(O.RDONLY, (fd) => {
    expect(() => psi_write(fd, "some", -1, 2_000_000)).toThrow(RangeError);
    expect(() => psi_write(fd, "some", 1.5, 2_000_000)).toThrow(RangeError);
    expect(() => psi_write(fd, "some", 1, 2_000_000)).toThrow(
      expect.objectContaining({ code: "EBADF" }),
    );
  });
});
