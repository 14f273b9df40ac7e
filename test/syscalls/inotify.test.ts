/** The calls of inotify against the running kernel, and the reader of its records against any bytes. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { ValueError } from "bun-butter";
import {
  F,
  fcntl,
  FD,
  IN,
  IN_REPORTED,
  inotify_add_watch,
  INOTIFY_EVENT_SIZE,
  inotify_init1,
  inotify_rm_watch,
  type InotifyEventStruct,
  O,
  type PathLike,
  type Pinned,
  pinned,
  read,
  read_inotify_event,
  read_inotify_events,
} from "bun-butter/syscalls";
import fc from "fast-check";

import {
  expectDescriptor,
  expectErrno,
  expectInt,
  expectRefusal,
  expectUint,
  strangers,
  thrown,
} from "../support/arguments.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

/** A fresh instance. */
function instance(fds: Fds): number {
  return fds.add(inotify_init1(IN.NONBLOCK | IN.CLOEXEC));
}

/** All records of a read, one by one. */
function records(buf: Pinned, length: number): InotifyEventStruct[] {
  const all: InotifyEventStruct[] = [];
  for (let offset = 0; ;) {
    const record = read_inotify_event(buf, offset, length);
    if (record === undefined) return all;
    all.push(record);
    offset += INOTIFY_EVENT_SIZE + record.len;
  }
}

/** The same, through the visitor. */
function visited(buf: Pinned, length: number): { all: number[][]; end: number } {
  const all: number[][] = [];
  const end = read_inotify_events(buf, length, (...fields) => void all.push(fields));
  return { all, end };
}

/** What both are to find, written as plainly as can be. */
function expected(bytes: Uint8Array): { all: number[][]; names: number[][]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all: number[][] = [];
  const names: number[][] = [];
  let end = 0;
  while (end + 16 <= bytes.byteLength) {
    const len = view.getUint32(end + 12, true);
    if (end + 16 + len > bytes.byteLength) break;
    const fields = [view.getInt32(end, true), view.getUint32(end + 4, true)];
    all.push([...fields, view.getUint32(end + 8, true), end + 16, len]);
    const name = [...bytes.subarray(end + 16, end + 16 + len)];
    names.push(name.includes(0) ? name.slice(0, name.indexOf(0)) : name);
    end += 16 + len;
  }
  return { all, names, end };
}

const ignore = (): void => undefined;

describe("inotify_init1()", () => {
  test("makes an instance with the flags that it was given", () => {
    using fds = new Fds();
    const bare = fds.add(inotify_init1(0));
    expect([fcntl(bare, F.GETFL) & O.NONBLOCK, fcntl(bare, F.GETFD)]).toEqual([0, 0]);
    const full = instance(fds);
    expect([fcntl(full, F.GETFL) & O.NONBLOCK, fcntl(full, F.GETFD)]).toEqual([
      O.NONBLOCK,
      FD.CLOEXEC,
    ]);
  });

  test("takes no unknown flag", () => {
    expectErrno(() => inotify_init1(1), ValueError, "EINVAL");
    expectInt(inotify_init1);
  });
});

describe("inotify_add_watch()", () => {
  test("takes a path as text, bytes and URL, which are one watch of one inode", () => {
    using fds = new Fds();
    using dir = tempDir();
    const path = dir.at("naïve 😀");
    mkdirSync(path);
    const fd = instance(fds);
    const wd = inotify_add_watch(fd, path, IN.CREATE);
    expect(inotify_add_watch(fd, new TextEncoder().encode(path), IN.CREATE)).toBe(wd);
    expect(inotify_add_watch(fd, pathToFileURL(path), IN.CREATE)).toBe(wd);
    // As it is joined from many pieces.
    expect(inotify_add_watch({ fd }, `${dir.path}/./${"./".repeat(500)}naïve 😀`, IN.CREATE)).toBe(
      wd,
    );
  });

  test("takes a name that is not UTF-8, and reports it", () => {
    using fds = new Fds();
    using dir = tempDir();
    const path = Buffer.concat([Buffer.from(`${dir.path}/`), Buffer.from([0xff, 0xfe])]);
    const fd = instance(fds);
    inotify_add_watch(fd, dir.path, IN.CREATE);
    writeFileSync(path, "");
    inotify_add_watch(fd, path, IN.MODIFY);
    using buf = pinned(256);
    const [record] = records(buf, read(fd, buf));
    expect(record).toMatchObject({ mask: IN.CREATE, len: 16, name: new Uint8Array([0xff, 0xfe]) });
  });

  test("throws what the kernel says of the path", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = instance(fds);
    writeFileSync(dir.at("file"), "");
    symlinkSync("loop", dir.at("loop"));
    const add =
      (path: string, mask: number = IN.CREATE) =>
      () =>
        inotify_add_watch(fd, path, mask);
    expectErrno(add(dir.at("none")), ValueError, "ENOENT");
    expectErrno(add(""), ValueError, "ENOENT");
    expectErrno(add(dir.at("file", "below")), ValueError, "ENOTDIR");
    expectErrno(add(dir.at("file"), IN.ALL_EVENTS | IN.ONLYDIR), ValueError, "ENOTDIR");
    expectErrno(add(dir.at("loop")), ValueError, "ELOOP");
    expectErrno(add("x".repeat(5000)), ValueError, "ENAMETOOLONG");
    const error = thrown(add(dir.at("none")));
    expect(error).toMatchObject({ path: dir.at("none"), syscall: "inotify_add_watch" });
    expect(`${error}`).toContain(JSON.stringify(dir.at("none")));
  });

  test("throws what the kernel says of the mask", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = instance(fds);
    const add = (mask: number) => () => inotify_add_watch(fd, dir.path, mask);
    expectErrno(add(0), ValueError, "EINVAL");
    expectErrno(add(IN.CREATE | IN.MASK_ADD | IN.MASK_CREATE), ValueError, "EINVAL");
    inotify_add_watch(fd, dir.path, IN.CREATE);
    expectErrno(add(IN.DELETE | IN.MASK_CREATE), ValueError, "EEXIST");
    expectUint((mask) => inotify_add_watch(fd, dir.path, mask));
  });

  test("takes the highest bit however JavaScript made it", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = instance(fds);
    const signed = IN.CREATE | IN.ONESHOT;
    expect(signed).toBeLessThan(0);
    for (const mask of [signed, signed >>> 0]) {
      inotify_add_watch(fd, dir.path, mask);
      writeFileSync(dir.at(`${mask}`), "");
      using buf = pinned(256);
      const masks = records(buf, read(fd, buf)).map((record) => record.mask);
      expect(masks).toEqual([IN.CREATE, IN_REPORTED.IGNORED]);
    }
  });

  test("takes nothing that is no instance or path", () => {
    using fds = new Fds();
    const fd = instance(fds);
    expectDescriptor((one) => inotify_add_watch(one, "/", IN.CREATE));
    expectErrno(() => inotify_add_watch(fds.pipe()[0], "/", IN.CREATE), ValueError, "EINVAL");
    for (const path of strangers.filter((value) => typeof value !== "string"))
      expectRefusal(() => inotify_add_watch(fd, path as PathLike, IN.CREATE), TypeError);
    for (const path of ["/tmp\0", Buffer.from("/tmp\0x"), new URL("http://localhost/tmp")])
      expectRefusal(() => inotify_add_watch(fd, path, IN.CREATE), TypeError);
  });
});

describe("inotify_rm_watch()", () => {
  test("stops a watch once, and IGNORED follows", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = instance(fds);
    const wd = inotify_add_watch(fd, dir.path, IN.CREATE);
    inotify_rm_watch(fd, wd);
    using buf = pinned(256);
    expect(records(buf, read(fd, buf))).toEqual([
      { wd, mask: IN_REPORTED.IGNORED, cookie: 0, len: 0, name: new Uint8Array() },
    ]);
    expectErrno(() => inotify_rm_watch(fd, wd), ValueError, "EINVAL");
  });

  test("takes nothing that is no instance or watch", () => {
    using fds = new Fds();
    const fd = instance(fds);
    expectDescriptor((one) => inotify_rm_watch(one, 1));
    expectErrno(() => inotify_rm_watch(fd, -1), ValueError, "EINVAL");
    expectErrno(() => inotify_rm_watch(fds.pipe()[0], 1), ValueError, "EINVAL");
    expectInt((wd) => inotify_rm_watch(fd, wd));
  });
});

describe("read_inotify_event() and read_inotify_events()", () => {
  test("read what the kernel wrote: names of every length, and rename's cookie", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = instance(fds);
    const wd = inotify_add_watch(fd, dir.path, IN.CREATE | IN.MOVE);
    const names = Array.from({ length: 255 }, (_, index) => "n".repeat(index + 1));
    for (const name of names) writeFileSync(dir.at(name), "");
    renameSync(dir.at("n"), dir.at("m"));
    mkdirSync(dir.at("d"));
    using buf = pinned(256 * 1024);
    const length = read(fd, buf);
    const all = records(buf, length);
    expect(all.slice(0, 255).map(({ name }) => new TextDecoder().decode(name))).toEqual(names);
    const [from, to, made] = all.slice(255);
    expect(from).toMatchObject({ wd, mask: IN.MOVED_FROM, len: 16 });
    expect(from?.cookie).toBeGreaterThan(0);
    expect(to).toMatchObject({ wd, mask: IN.MOVED_TO, cookie: from?.cookie ?? -1 });
    expect(made).toMatchObject({ mask: IN.CREATE | IN_REPORTED.ISDIR, cookie: 0 });
    const { all: seen, end } = visited(buf, length);
    expect(end).toBe(length);
    expect(seen.map(([, mask]) => mask)).toEqual(all.map(({ mask }) => mask));
  });

  /** Bytes as they could be, with lengths that are likelier to fit than random ones. */
  const record = fc
    .record({
      wd: fc.integer(),
      mask: fc.nat(2 ** 32 - 1),
      cookie: fc.nat(2 ** 32 - 1),
      len: fc.oneof(fc.nat(40), fc.constantFrom(2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1)),
      name: fc.uint8Array({ maxLength: 40 }),
    })
    .map(({ wd, mask, cookie, len, name }) => {
      const view = new DataView(new ArrayBuffer(INOTIFY_EVENT_SIZE + name.byteLength));
      view.setInt32(0, wd, true);
      view.setUint32(4, mask, true);
      view.setUint32(8, cookie, true);
      view.setUint32(12, len, true);
      new Uint8Array(view.buffer).set(name, INOTIFY_EVENT_SIZE);
      return new Uint8Array(view.buffer);
    });
  const content = fc
    .oneof(
      fc.array(record, { maxLength: 6 }).map((parts) => Buffer.concat(parts)),
      fc.uint8Array({ maxLength: 200 }),
    )
    .filter(({ byteLength }) => byteLength > 0);

  test("read whole records of any bytes, and nothing past what was read", () => {
    fc.assert(
      fc.property(content, fc.nat(200), (bytes, less) => {
        using buf = pinned(bytes.byteLength);
        buf.bytes.set(bytes);
        const length = Math.max(0, bytes.byteLength - less);
        const { all, names, end } = expected(bytes.subarray(0, length));
        expect(visited(buf, length)).toEqual({ all, end });
        const one = records(buf, length);
        expect(one.map(({ name }) => [...name])).toEqual(names);
        expect(one.map(({ wd, mask, cookie, len }) => [wd, mask, cookie, len])).toEqual(
          all.map(([wd = 0, mask = 0, cookie = 0, , len = 0]) => [wd, mask, cookie, len]),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("give a copy of the name, which the next read leaves alone", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = instance(fds);
    inotify_add_watch(fd, dir.path, IN.CREATE);
    writeFileSync(dir.at("first"), "");
    const buf = pinned(256);
    const [{ name } = { name: new Uint8Array() }] = records(buf, read(fd, buf));
    buf[Symbol.dispose]();
    expect(new TextDecoder().decode(name)).toBe("first");
  });

  test("let a visitor's exception through", () => {
    using buf = pinned(64);
    const stop = new Error("stop");
    const visit = (): never => {
      throw stop;
    };
    expect(thrown(() => read_inotify_events(buf, 64, visit))).toBe(stop);
  });

  test("take no length or offset that is none, and no other memory", () => {
    using buf = pinned(64);
    for (const wrong of [-1, 0.5, NaN, Infinity, 65]) {
      expectRefusal(() => read_inotify_events(buf, wrong, ignore), RangeError);
      expectRefusal(() => read_inotify_event(buf, 0, wrong), RangeError);
    }
    for (const wrong of [-1, 0.5, NaN, Infinity])
      expectRefusal(() => read_inotify_event(buf, wrong, 64), RangeError);
    for (const beyond of [49, 64, 65, 2 ** 40])
      expect(read_inotify_event(buf, beyond, 64)).toBeUndefined();
    for (const wrong of strangers) {
      expectRefusal(() => read_inotify_events(buf, wrong as number, ignore), TypeError);
      expectRefusal(() => read_inotify_event(buf, wrong as number, 64), TypeError);
      expectRefusal(() => read_inotify_event(buf, 0, wrong as number), TypeError);
    }
    for (const memory of [...strangers, new Uint8Array(64)]) {
      expectRefusal(() => read_inotify_events(memory as never, 64, ignore), TypeError);
      expectRefusal(() => read_inotify_event(memory as never, 0, 64), TypeError);
    }
  });
});
