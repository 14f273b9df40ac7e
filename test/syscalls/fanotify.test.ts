/** The calls of fanotify, and files by handle, against the running kernel. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmdirSync, writeFileSync } from "node:fs";

import { PermissionError, UnsupportedError, ValueError } from "bun-butter";
import {
  AT,
  AT_HANDLE,
  FAN,
  FAN_DENY_ERRNO,
  FAN_EVENT_INFO_TYPE,
  FAN_INIT,
  FAN_MARK,
  FAN_RESPONSE,
  fanotify_init,
  fanotify_mark,
  fanotify_write,
  type FanotifyEventInfo,
  fd_name,
  fstatfs,
  fstatfs_fsid,
  name_to_handle_at,
  name_to_handle_at_into,
  O,
  open_by_handle_at,
  openat,
  pinned,
  read_fanotify_event_info,
  read_fanotify_event_infos,
  read_fanotify_event_metadata,
  read_fanotify_events,
  read_nonblock,
  statfs,
  write_file_handle,
} from "bun-butter/syscalls";

import { expectDescriptor, expectErrno, expectRefusal, expectUint } from "../support/arguments.ts";
import { can, emulated, kernel } from "../support/capabilities.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

const buf = pinned(4096);
afterAll(() => buf[Symbol.dispose]());

const { CLASS_CONTENT, CLOEXEC, NONBLOCK, REPORT_DIR_FID, REPORT_NAME } = FAN_INIT;
const NAMES = NONBLOCK | CLOEXEC | REPORT_DIR_FID | REPORT_NAME;

/** What one read returned: masks with their records. */
function read(fd: number): { mask: bigint; pid: number; fd: number; infos: FanotifyEventInfo[] }[] {
  const length = Math.max(0, read_nonblock(fd, buf));
  const events: { mask: bigint; pid: number; fd: number; infos: FanotifyEventInfo[] }[] = [];
  const visited = read_fanotify_events(buf, length, (offset, end, records) => {
    const {
      mask = 0n,
      pid = 0,
      fd: own = 0,
    } = read_fanotify_event_metadata(buf, offset, length) ?? {};
    const infos: FanotifyEventInfo[] = [];
    const stopped = read_fanotify_event_infos(buf, records, end, (_, from, to) => {
      const info = read_fanotify_event_info(buf, from, to);
      if (info !== undefined) infos.push(info);
    });
    expect(stopped).toBe(end);
    events.push({ mask, pid, fd: own, infos });
  });
  expect(visited).toBe(length);
  return events;
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

test("fanotify_init() and fanotify_mark() take no wrong arguments", () => {
  expectUint((flags) => fanotify_init(flags, 0));
  expectUint((flags) => fanotify_init(NAMES, flags));
  expectUint((flags) => fanotify_mark(0, flags, 0n));
  expectRefusal(() => fanotify_mark(0, 0, -1n), RangeError);
  expectRefusal(() => fanotify_mark(0, 0, 1n << 64n), RangeError);
  expectRefusal(() => fanotify_mark(0, 0, undefined as unknown as bigint), TypeError);
  expectRefusal(() => fanotify_mark(0, 0, 0n, undefined, "a\0b"), TypeError);
  expectRefusal(() => fanotify_write(0, { fd: 1.5, response: 1 }), RangeError);
  expectRefusal(() => FAN_DENY_ERRNO("ENOTHING" as "EPERM"), TypeError);
  expect(FAN_DENY_ERRNO("EBUSY")).toBe(0x1000_0002);
});

describe.skipIf(emulated)("fanotify (no emulation)", () => {
  test("descriptors that are none of fanotify's, or not open, are refused", () => {
    expectDescriptor((fd) => fanotify_mark(fd, FAN_MARK.ADD, FAN.OPEN, AT.FDCWD, "/"));
    expectDescriptor((fd) => fanotify_write(fd, { fd: 0, response: FAN_RESPONSE.ALLOW }));
    using fds = new Fds();
    const [reader] = fds.pipe();
    expectErrno(
      () => fanotify_mark(reader, FAN_MARK.ADD, FAN.OPEN, AT.FDCWD, "/"),
      ValueError,
      "EINVAL",
    );
    const fd = fds.add(fanotify_init(NAMES, 0));
    const { ADD } = FAN_MARK;
    expectErrno(() => fanotify_mark(fd, ADD, FAN.OPEN, -1), ValueError, "EBADF");
    expectErrno(() => fanotify_mark(fd, ADD, FAN.OPEN), ValueError, "EBADF");
    expectRefusal(() => fanotify_mark(fd, ADD, FAN.OPEN, "0" as unknown as number), TypeError);
    expect(fd_name(fd)).toContain("fanotify");
  });

  test("a marked directory reports its entries by its handle and their names", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = fds.add(fanotify_init(NAMES, 0));
    fanotify_mark(fd, FAN_MARK.ADD, FAN.CREATE | FAN.MOVE | FAN.ONDIR, AT.FDCWD, dir.path);
    writeFileSync(dir.at("a"), "");
    mkdirSync(dir.at("sub"));
    renameSync(dir.at("a"), dir.at("b"));
    const { handle } = name_to_handle_at(AT.FDCWD, dir.path, 0);
    const { f_fsid: fsid } = statfs(dir.path);
    const told = read(fd).map(({ mask, pid, fd: own, infos }) => {
      const [info] = infos;
      expect(info).toMatchObject({ info_type: FAN_EVENT_INFO_TYPE.DFID_NAME, handle, fsid });
      expect({ pid, own }).toEqual({ pid: process.pid, own: -1 });
      return [
        mask,
        text(info?.info_type === FAN_EVENT_INFO_TYPE.DFID_NAME ? info.name : undefined),
      ];
    });
    expect(told).toEqual([
      // Merged: what happened to one name is one event.
      [FAN.CREATE | FAN.MOVED_FROM, "a"],
      [FAN.CREATE | FAN.ONDIR, "sub"],
      [FAN.MOVED_TO, "b"],
    ]);
    // A mark goes with its last event, and all go with a flush.
    fanotify_mark(fd, FAN_MARK.REMOVE, FAN.CREATE | FAN.MOVE | FAN.ONDIR, AT.FDCWD, dir.path);
    const again = () => fanotify_mark(fd, FAN_MARK.REMOVE, FAN.CREATE, AT.FDCWD, dir.path);
    expectErrno(again, ValueError, "ENOENT");
    fanotify_mark(fd, FAN_MARK.FLUSH, 0n, AT.FDCWD, "/");
    writeFileSync(dir.at("c"), "");
    expect(read(fd)).toEqual([]);
  });

  test("fanotify_mark() takes a descriptor in place of a path", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = fds.add(fanotify_init(NAMES, 0));
    fanotify_mark(fd, FAN_MARK.ADD, FAN.CREATE, fds.add(openat(AT.FDCWD, dir.path, O.CLOEXEC)));
    writeFileSync(dir.at("a"), "");
    expect(read(fd)).toHaveLength(1);
  });

  test("fanotify_init() and fanotify_mark() say why they refuse", () => {
    using fds = new Fds();
    using dir = tempDir();
    writeFileSync(dir.at("file"), "");
    expectErrno(() => fanotify_init(REPORT_NAME, 0), ValueError, "EINVAL");
    const fd = fds.add(fanotify_init(NAMES, 0));
    const mark = (flags: number, mask: bigint, path: string) => () =>
      fanotify_mark(fd, flags, mask, AT.FDCWD, path);
    expectErrno(mark(FAN_MARK.ADD, 0n, dir.path), ValueError, "EINVAL");
    expectErrno(mark(FAN_MARK.ADD, FAN.OPEN_PERM, dir.path), ValueError, "EINVAL");
    expectErrno(mark(FAN_MARK.ADD, FAN.OPEN, dir.at("none")), ValueError, "ENOENT");
    const onlyDir = FAN_MARK.ADD | FAN_MARK.ONLYDIR;
    expectErrno(mark(onlyDir, FAN.OPEN, dir.at("file")), ValueError, "ENOTDIR");
    expectErrno(mark(FAN_MARK.REMOVE, FAN.OPEN, dir.path), ValueError, "ENOENT");
  });

  test.skipIf(!kernel(6, 0))(
    "FAN_MARK.IGNORE of a directory needs IGNORED_SURV_MODIFY (Linux 6.0)",
    () => {
      using fds = new Fds();
      using dir = tempDir();
      const fd = fds.add(fanotify_init(NAMES, 0));
      const { ADD, IGNORE, IGNORE_SURV } = FAN_MARK;
      expectErrno(
        () => fanotify_mark(fd, ADD | IGNORE, FAN.OPEN, AT.FDCWD, dir.path),
        ValueError,
        "EISDIR",
      );
      fanotify_mark(fd, ADD | IGNORE_SURV, FAN.OPEN, AT.FDCWD, dir.path);
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN"))(
    "an access waits for its response, which is given once (needs CAP_SYS_ADMIN)",
    async () => {
      using fds = new Fds();
      using dir = tempDir();
      const path = dir.at("file");
      writeFileSync(path, "content");
      const fd = fds.add(fanotify_init(CLASS_CONTENT | NONBLOCK | CLOEXEC, O.RDONLY | O.CLOEXEC));
      fanotify_mark(fd, FAN_MARK.ADD, FAN.OPEN_PERM, AT.FDCWD, path);
      for (const [response, exitCode] of [
        [FAN_RESPONSE.DENY, 1],
        [FAN_RESPONSE.ALLOW, 0],
      ] as const) {
        const child = Bun.spawn(["cat", path], { stdout: "ignore", stderr: "ignore" });
        let told = read(fd);
        while (told.length === 0) {
          await new Promise((resolve) => setImmediate(resolve));
          told = read(fd);
        }
        const [event] = told;
        const own = fds.add(event?.fd ?? -1);
        expect(event).toMatchObject({ mask: FAN.OPEN_PERM, pid: child.pid });
        expect(fd_name(own)).toBe(path);
        expectErrno(() => fanotify_write(fd, { fd: own, response: 99 }), ValueError, "EINVAL");
        fanotify_write(fd, { fd: own, response });
        expectErrno(() => fanotify_write(fd, { fd: own, response }), ValueError, "ENOENT");
        expect(await child.exited).toBe(exitCode);
      }
    },
  );
});

describe("handles", () => {
  test("name_to_handle_at() names a directory by what stays when it is renamed", () => {
    using dir = tempDir();
    mkdirSync(dir.at("a"));
    const before = name_to_handle_at(AT.FDCWD, dir.at("a"), 0);
    renameSync(dir.at("a"), dir.at("b"));
    expect(name_to_handle_at(AT.FDCWD, dir.at("b"), 0)).toEqual(before);
    using fds = new Fds();
    const fd = fds.add(openat(AT.FDCWD, dir.at("b"), O.PATH | O.CLOEXEC));
    expect(name_to_handle_at(fd, "", AT.EMPTY_PATH)).toEqual(before);
    expectErrno(() => name_to_handle_at(AT.FDCWD, dir.at("a"), 0), ValueError, "ENOENT");
    expectErrno(() => name_to_handle_at(AT.FDCWD, dir.path, 1 << 30), ValueError, "EINVAL");
  });

  test.skipIf(emulated || !kernel(6, 12))(
    "AT_HANDLE.MNT_ID_UNIQUE numbers mounts for good (Linux 6.12)",
    () => {
      using dir = tempDir();
      const { mount_id } = name_to_handle_at(AT.FDCWD, dir.path, AT_HANDLE.MNT_ID_UNIQUE);
      expect(mount_id).toBeGreaterThan(2n ** 31n);
    },
  );

  test("name_to_handle_at_into() writes what name_to_handle_at() returns", () => {
    using dir = tempDir();
    const bytes = new Uint8Array(137).fill(0xff);
    const mounts = new Int32Array(3).fill(-1);
    const { handle, mount_id } = name_to_handle_at(AT.FDCWD, dir.path, 0);
    const length = name_to_handle_at_into(AT.FDCWD, dir.path, 0, bytes, mounts);
    expect(bytes.slice(0, length)).toEqual(new Uint8Array(write_file_handle(handle)));
    expect(BigInt(mounts[0] ?? 0) + (BigInt(mounts[1] ?? 0) << 32n)).toBe(mount_id);
    expect([bytes[136], mounts[2]]).toEqual([0xff, -1]);
    const name = (path: string, handleBytes: number, mountNumbers: number) => () =>
      name_to_handle_at_into(
        AT.FDCWD,
        path,
        0,
        bytes.subarray(0, handleBytes),
        mounts.subarray(0, mountNumbers),
      );
    expectErrno(name(dir.at("a"), 136, 2), ValueError, "ENOENT");
    expect(name(dir.path, 135, 2)).toThrow(RangeError);
    expect(name(dir.path, 136, 1)).toThrow(RangeError);
  });

  test("name_to_handle_at() says that a file system has no handles", () => {
    expectErrno(() => name_to_handle_at(AT.FDCWD, "/proc", 0), UnsupportedError, "EOPNOTSUPP");
  });

  test.skipIf(emulated || !can("CAP_DAC_READ_SEARCH"))(
    "open_by_handle_at() opens what was renamed, and not what was deleted (needs CAP_DAC_READ_SEARCH)",
    () => {
      using fds = new Fds();
      using dir = tempDir();
      mkdirSync(dir.at("a"));
      const { handle } = name_to_handle_at(AT.FDCWD, dir.at("a"), 0);
      renameSync(dir.at("a"), dir.at("b"));
      const mount = fds.add(openat(AT.FDCWD, dir.path, O.RDONLY | O.CLOEXEC));
      const fd = open_by_handle_at(mount, handle, O.PATH | O.CLOEXEC);
      expect(fd_name(fds.add(fd))).toBe(dir.at("b"));
      fds.close(fd);
      const struct = new Uint8Array(136);
      name_to_handle_at_into(AT.FDCWD, dir.at("b"), 0, struct, new Int32Array(2));
      const same = open_by_handle_at(mount, struct, O.PATH | O.CLOEXEC);
      expect(fd_name(fds.add(same))).toBe(dir.at("b"));
      fds.close(same);
      rmdirSync(dir.at("b"));
      const open = () => open_by_handle_at(mount, handle, O.PATH | O.CLOEXEC);
      expectErrno(open, ValueError, "ESTALE");
      const openStruct = (from: number) => () =>
        open_by_handle_at(mount, struct.subarray(from), O.PATH);
      expectErrno(openStruct(0), ValueError, "ESTALE");
      expect(openStruct(1)).toThrow(RangeError);
    },
  );

  test.skipIf(can("CAP_DAC_READ_SEARCH"))(
    "open_by_handle_at() needs a capability (needs not to have CAP_DAC_READ_SEARCH)",
    () => {
      const { handle } = name_to_handle_at(AT.FDCWD, ".", 0);
      using fds = new Fds();
      const mount = fds.add(openat(AT.FDCWD, ".", O.RDONLY | O.CLOEXEC));
      expectErrno(() => open_by_handle_at(mount, handle, O.PATH), PermissionError, "EPERM");
    },
  );

  test("handles that are none are refused", () => {
    const f_handle = new Uint8Array(8);
    expectDescriptor((fd) => name_to_handle_at(fd, "nowhere", 0));
    expectRefusal(
      () => open_by_handle_at(0, { handle_type: 1, f_handle: new Uint8Array(129) }, 0),
      RangeError,
    );
    expectRefusal(
      () => open_by_handle_at(0, { handle_type: 1, f_handle: [] as unknown as Uint8Array }, 0),
      TypeError,
    );
    expectRefusal(() => open_by_handle_at(0, { handle_type: 0.5, f_handle }, 0), RangeError);
  });
});

test("statfs() and fstatfs() tell the same of a path and of what is open there", () => {
  using fds = new Fds();
  const fd = fds.add(openat(AT.FDCWD, "/proc", O.RDONLY | O.CLOEXEC));
  expect(fstatfs(fd)).toEqual(statfs("/proc"));
  expect(fstatfs_fsid(fd)).toEqual(statfs("/proc").f_fsid);
  expect(statfs("/proc").f_type).toBe(0x9fa0n);
  expectDescriptor((number) => fstatfs(number));
  expectDescriptor((number) => fstatfs_fsid(number));
  expectErrno(() => statfs("/nowhere"), ValueError, "ENOENT");
  expectRefusal(() => statfs("/\0"), TypeError);
});
