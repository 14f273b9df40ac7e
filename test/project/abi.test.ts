/** The constants and structs of `bun-butter/syscalls`, compared with the headers of this machine. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

import * as syscalls from "bun-butter/syscalls";

import { SYS } from "../../src/libc.ts";
import { compile, evaluate, missingHeaders } from "../support/headers.ts";
import { type Syscall, syscallNumber, syscallNumbers } from "../support/seccomp.ts";

/** Where C has the members of an exported table. */
interface TableRow {
  readonly headers: readonly string[];
  /** What comes before a member's name, by default the table's name and `_`. */
  readonly prefix?: string;
  /** Members that C has by another name. */
  readonly names?: Readonly<Record<string, string>>;
  /** Members that headers may not have yet, and the kernel that does. */
  readonly newer?: Readonly<Record<string, string>>;
}

const tables: Readonly<Record<string, TableRow>> = {
  AF: { headers: ["sys/socket.h"] },
  AT: { headers: ["fcntl.h"] },
  CAP: {
    headers: ["linux/capability.h"],
    newer: { PERFMON: "5.8", BPF: "5.8", CHECKPOINT_RESTORE: "5.9" },
  },
  AT_HANDLE: {
    headers: ["linux/fcntl.h"],
    newer: { FID: "6.5", MNT_ID_UNIQUE: "6.12", CONNECTABLE: "6.13" },
  },
  CLD: { headers: ["signal.h"] },
  CLOCK: { headers: ["time.h"] },
  CLONE: { headers: ["linux/sched.h"], newer: { NEWTIME: "5.6" } },
  AT_STATX: { headers: ["fcntl.h", "linux/stat.h"] },
  DT: { headers: ["dirent.h"] },
  EFD: { headers: ["sys/eventfd.h"] },
  EPOLL: { headers: ["sys/epoll.h"], prefix: "EPOLL", names: { CLOEXEC: "EPOLL_CLOEXEC" } },
  EPOLL_CTL: { headers: ["sys/epoll.h"] },
  F: { headers: ["fcntl.h"] },
  FAN: {
    headers: ["linux/fanotify.h"],
    newer: {
      RENAME: "5.17",
      FS_ERROR: "5.16",
      PRE_ACCESS: "6.14",
      MNT_ATTACH: "6.15",
      MNT_DETACH: "6.15",
    },
  },
  FAN_EVENT_INFO_TYPE: {
    headers: ["linux/fanotify.h"],
    newer: {
      OLD_DFID_NAME: "5.17",
      NEW_DFID_NAME: "5.17",
      PIDFD: "5.15",
      ERROR: "5.16",
      RANGE: "6.14",
      MNT: "6.15",
    },
  },
  FAN_INIT: {
    headers: ["linux/fanotify.h"],
    prefix: "FAN_",
    newer: {
      REPORT_PIDFD: "5.15",
      REPORT_TARGET_FID: "5.17",
      REPORT_FD_ERROR: "6.13",
      REPORT_MNT: "6.15",
    },
  },
  FAN_MARK: {
    headers: ["linux/fanotify.h"],
    newer: { EVICTABLE: "5.19", IGNORE: "6.0", IGNORE_SURV: "6.0", MNTNS: "6.15" },
  },
  FAN_REPORTED: { headers: ["linux/fanotify.h"], prefix: "FAN_" },
  FAN_RESPONSE: { headers: ["linux/fanotify.h"], prefix: "FAN_", newer: { INFO: "6.3" } },
  FAN_RESPONSE_INFO: {
    headers: ["linux/fanotify.h"],
    newer: { NONE: "6.3", AUDIT_RULE: "6.3" },
  },
  FD: { headers: ["fcntl.h"] },
  F_SEAL: {
    headers: ["linux/fcntl.h"],
    newer: { FUTURE_WRITE: "5.1", EXEC: "6.3" },
  },
  FSCONFIG: { headers: ["linux/mount.h"], newer: { CMD_CREATE_EXCL: "6.6" } },
  FSMOUNT: { headers: ["linux/mount.h"] },
  FSOPEN: { headers: ["linux/mount.h"] },
  FSPICK: { headers: ["linux/mount.h"] },
  IFF: { headers: ["net/if.h"] },
  IN: { headers: ["sys/inotify.h"] },
  IN_REPORTED: { headers: ["sys/inotify.h"], prefix: "IN_" },
  IOCB_CMD: { headers: ["linux/aio_abi.h"] },
  LISTMOUNT: { headers: ["linux/mount.h"], newer: { REVERSE: "6.11" } },
  LSMT: { headers: ["linux/mount.h"], newer: { ROOT: "6.8" } },
  MAP: { headers: ["sys/mman.h"], newer: { FIXED_NOREPLACE: "4.17" } },
  MFD: { headers: ["linux/memfd.h"], newer: { NOEXEC_SEAL: "6.3", EXEC: "6.3" } },
  MNT: { headers: ["sys/mount.h"] },
  MOUNT_ATTR: { headers: ["linux/mount.h"], newer: { IDMAP: "5.12", NOSYMFOLLOW: "5.14" } },
  MOVE_MOUNT: { headers: ["linux/mount.h"], newer: { SET_GROUP: "5.15", BENEATH: "6.5" } },
  MS: { headers: ["linux/mount.h"], newer: { NOSYMFOLLOW: "5.10" } },
  FS: { headers: ["linux/fs.h"], newer: { CASEFOLD_FL: "5.4" } },
  O: { headers: ["fcntl.h"] },
  OPEN_TREE: { headers: ["fcntl.h", "linux/mount.h"] },
  P: { headers: ["sys/wait.h"] },
  PIDFD: { headers: ["linux/pidfd.h"], newer: { THREAD: "6.9" } },
  PIDFD_INFO: {
    headers: ["linux/pidfd.h"],
    newer: { PID: "6.13", CREDS: "6.13", CGROUPID: "6.13", EXIT: "6.15" },
  },
  PIDFD_SIGNAL: {
    headers: ["linux/pidfd.h"],
    newer: { THREAD: "6.9", THREAD_GROUP: "6.9", PROCESS_GROUP: "6.9" },
  },
  POLL: { headers: ["poll.h"], prefix: "POLL" },
  POLL_REPORTED: { headers: ["poll.h"], prefix: "POLL" },
  PR: {
    headers: ["linux/prctl.h"],
    newer: { SET_VMA: "5.17", SET_VMA_ANON_NAME: "5.17" },
  },
  PR_THP_DISABLE: { headers: ["linux/prctl.h"], newer: { EXCEPT_ADVISED: "6.18" } },
  PROT: { headers: ["sys/mman.h"] },
  S: { headers: ["sys/stat.h"], prefix: "S_" },
  SA: { headers: ["signal.h"] },
  SECBIT: { headers: ["linux/securebits.h"] },
  SECCOMP: { headers: ["linux/seccomp.h"] },
  SECCOMP_FILTER_FLAG: {
    headers: ["linux/seccomp.h"],
    newer: { TSYNC_ESRCH: "5.7", WAIT_KILLABLE_RECV: "5.19" },
  },
  SECCOMP_RET: { headers: ["linux/seccomp.h"] },
  SEEK: { headers: ["unistd.h"] },
  SFD: { headers: ["sys/signalfd.h"] },
  SI: { headers: ["signal.h"] },
  SOCK: { headers: ["sys/socket.h"] },
  SPLICE_F: { headers: ["fcntl.h"] },
  SIG: { headers: ["signal.h"], prefix: "SIG" },
  SIG_HANDLER: { headers: ["signal.h"], prefix: "SIG_" },
  SIG_HOW: { headers: ["signal.h"], prefix: "SIG_" },
  SI_POLL: { headers: ["signal.h"], prefix: "POLL_" },
  STATMOUNT: {
    headers: ["linux/mount.h"],
    newer: {
      SB_BASIC: "6.8",
      MNT_BASIC: "6.8",
      PROPAGATE_FROM: "6.8",
      MNT_ROOT: "6.8",
      MNT_POINT: "6.8",
      FS_TYPE: "6.8",
      MNT_NS_ID: "6.11",
      MNT_OPTS: "6.11",
      FS_SUBTYPE: "6.13",
      SB_SOURCE: "6.13",
      OPT_ARRAY: "6.13",
      OPT_SEC_ARRAY: "6.13",
      SUPPORTED_MASK: "6.15",
      MNT_UIDMAP: "6.15",
      MNT_GIDMAP: "6.15",
    },
  },
  STATX: { headers: ["linux/stat.h"] },
  STATX_ATTR: { headers: ["linux/stat.h"] },
  TFD: { headers: ["sys/timerfd.h"] },
  UMOUNT: { headers: ["sys/mount.h"] },
  W: { headers: ["sys/wait.h"], prefix: "W" },
};

/** What C calls the exported sizes. */
const sizes: Readonly<
  Record<string, { readonly headers: readonly string[]; readonly is: string; newer?: string }>
> = {
  EPOLL_EVENT_SIZE: { headers: ["sys/epoll.h"], is: "sizeof(struct epoll_event)" },
  FANOTIFY_AUDIT_RULE_SIZE: {
    headers: ["linux/fanotify.h"],
    is: "sizeof(struct fanotify_response_info_audit_rule)",
    newer: "6.3",
  },
  FANOTIFY_FSID_OFFSET: {
    headers: ["linux/fanotify.h"],
    is: "offsetof(struct fanotify_event_info_fid, fsid)",
  },
  FANOTIFY_METADATA_VERSION: {
    headers: ["linux/fanotify.h"],
    is: "FANOTIFY_METADATA_VERSION",
  },
  FANOTIFY_RESPONSE_SIZE: {
    headers: ["linux/fanotify.h"],
    is: "sizeof(struct fanotify_response)",
  },
  FAN_EPIDFD: { headers: ["linux/fanotify.h"], is: "FAN_EPIDFD", newer: "5.15" },
  FAN_EVENT_METADATA_LEN: { headers: ["linux/fanotify.h"], is: "FAN_EVENT_METADATA_LEN" },
  FAN_NOFD: { headers: ["linux/fanotify.h"], is: "FAN_NOFD" },
  FAN_NOPIDFD: { headers: ["linux/fanotify.h"], is: "FAN_NOPIDFD", newer: "5.15" },
  FILE_HANDLE_SIZE: { headers: ["fcntl.h"], is: "offsetof(struct file_handle, f_handle)" },
  INOTIFY_EVENT_SIZE: { headers: ["sys/inotify.h"], is: "offsetof(struct inotify_event, name)" },
  IOCB_SIZE: { headers: ["linux/aio_abi.h"], is: "sizeof(struct iocb)" },
  IO_EVENT_SIZE: { headers: ["linux/aio_abi.h"], is: "sizeof(struct io_event)" },
  IOV_MAX: { headers: ["limits.h"], is: "IOV_MAX" },
  MNT_ID_REQ_SIZE: { headers: ["linux/mount.h"], is: "MNT_ID_REQ_SIZE_VER1", newer: "6.11" },
  MOUNT_ATTR_SIZE: { headers: ["linux/mount.h"], is: "MOUNT_ATTR_SIZE_VER0", newer: "5.12" },
  MAX_HANDLE_SZ: { headers: ["fcntl.h"], is: "MAX_HANDLE_SZ" },
  LINUX_DIRENT64_SIZE: { headers: ["dirent.h"], is: "offsetof(struct dirent64, d_name)" },
  PIDFD_INFO_SIZE: {
    headers: ["linux/pidfd.h"],
    is: "PIDFD_INFO_SIZE_VER0",
    newer: "6.13",
  },
  SIGACTION_SIZE: { headers: ["signal.h"], is: "sizeof(struct sigaction)" },
  SIGINFO_SIZE: { headers: ["signal.h"], is: "sizeof(siginfo_t)" },
  STATFS_SIZE: { headers: ["sys/statfs.h"], is: "sizeof(struct statfs)" },
  SIGNALFD_SIGINFO_SIZE: {
    headers: ["sys/signalfd.h"],
    is: "sizeof(struct signalfd_siginfo)",
  },
  STATMOUNT_SIZE: { headers: ["linux/mount.h"], is: "sizeof(struct statmount)", newer: "6.8" },
  STATX_SIZE: { headers: ["linux/stat.h"], is: "sizeof(struct statx)" },
};

/** Beside those of the tables: what structs and calls are compared with. */
const others = [
  "dirent.h",
  "linux/capability.h",
  "linux/filter.h",
  "linux/mount.h",
  "linux/stat.h",
  "sys/statfs.h",
  "sys/syscall.h",
  "sys/uio.h",
];
const ofRows = [...Object.values(tables), ...Object.values(sizes)].flatMap((row) => row.headers);
const headers = [...new Set([...ofRows, ...others])];
const missing = new Set(missingHeaders(headers));

/** Whether these can be included, and what to say in a test's title if not. */
function without(needed: readonly string[]): { readonly skip: boolean; readonly why: string } {
  const lost = needed.filter((header) => missing.has(header));
  return { skip: lost.length > 0, why: lost.length === 0 ? "" : ` (needs <${lost.join(">, <")}>)` };
}

/** Calls that headers may not have yet, and the kernel that does. */
const newerCalls: Readonly<Record<string, string>> = {
  statmount: "6.8",
  listmount: "6.8",
  open_tree_attr: "6.15",
};

/** Leaves out calls that these headers do not have yet. */
const inHeaders = <T>(calls: Readonly<Record<string, T>>, theirs: ReadonlyMap<string, unknown>) =>
  Object.entries(calls).filter(
    ([name]) => !Object.hasOwn(newerCalls, name) || theirs.has(name) || theirs.has(`__NR_${name}`),
  );

function members(table: string): [member: string, value: bigint][] {
  const exported = Object.entries(syscalls).find(([name]) => name === table)?.[1] ?? {};
  return Object.entries(exported as Readonly<Record<string, number | bigint>>).map(
    ([member, value]) => [member, BigInt.asIntN(64, BigInt(value))],
  );
}

function exportedSize(name: string): bigint {
  return BigInt(Number(Object.entries(syscalls).find(([exported]) => exported === name)?.[1]));
}

function exportsOf(type: "object" | "number"): string[] {
  return Object.entries(syscalls)
    .filter(([name, value]) => typeof value === type && !name.endsWith("_errors"))
    .map(([name]) => name)
    .toSorted();
}

test("every exported table and size has a row here, and every row its export", () => {
  expect(Object.keys(tables).toSorted()).toEqual(exportsOf("object"));
  expect(Object.keys(sizes).toSorted()).toEqual(exportsOf("number"));
});

test("members that headers may lack, or name otherwise, are members, and say which kernel has them", () => {
  for (const [table, { newer = {}, names = {} }] of Object.entries(tables)) {
    const ours = members(table).map(([member]) => member);
    expect(ours).toEqual(expect.arrayContaining([...Object.keys(newer), ...Object.keys(names)]));
    for (const kernel of Object.values(newer)) expect(kernel).toMatch(/^\d+\.\d+$/);
  }
});

describe("constants", () => {
  for (const [table, row] of Object.entries(tables)) {
    const { skip, why } = without(row.headers);
    const macro = (member: string): string =>
      row.names?.[member] ?? `${row.prefix ?? `${table}_`}${member}`;

    test.skipIf(skip)(`${table} is what the headers have${why}`, () => {
      const ours = members(table);
      const theirs = evaluate(
        row.headers,
        ours.map(([member]) => macro(member)),
      );
      const unknown = ours.map(([member]) => member).filter((member) => !theirs.has(macro(member)));
      // Nothing is unknown but what is newer than some headers.
      expect(unknown.filter((member) => !Object.hasOwn(row.newer ?? {}, member))).toEqual([]);
      for (const [member, value] of ours) {
        if (unknown.includes(member)) continue;
        expect([macro(member), value]).toEqual([macro(member), theirs.get(macro(member)) ?? -1n]);
      }
    });
  }
});

describe("sizes", () => {
  for (const [name, { headers: needed, is, newer }] of Object.entries(sizes)) {
    const { skip, why } = without(needed);
    const value = skip ? undefined : evaluate(needed, [is]).get(is);
    const unknown = value === undefined && newer !== undefined;
    test.skipIf(skip || unknown)(
      `${name} is ${is}${why}${unknown ? ` (needs the headers of Linux ${newer})` : ""}`,
      () => expect(value).toBe(exportedSize(name)),
    );
  }
});

describe("numbers of calls", () => {
  const { skip, why } = without(["sys/syscall.h"]);

  test.skipIf(skip)(`SYS is what the headers of this architecture have${why}`, () => {
    const names = Object.keys(SYS);
    const theirs = evaluate(
      ["sys/syscall.h"],
      names.map((name) => `__NR_${name}`),
    );
    expect(Object.fromEntries(theirs)).toEqual(
      Object.fromEntries(
        inHeaders(SYS, theirs).map(([name, number]) => [`__NR_${name}`, BigInt(number)]),
      ),
    );
  });

  test.skipIf(skip)(`those that the tests refuse are what the headers have${why}`, () => {
    const names = (Object.keys(syscallNumbers) as Syscall[]).filter(
      (name) => syscallNumber(name) !== undefined,
    );
    const theirs = evaluate(
      ["sys/syscall.h"],
      names.map((name) => `__NR_${name}`),
    );
    expect(Object.fromEntries(theirs)).toEqual(
      Object.fromEntries(
        inHeaders(Object.fromEntries(names.map((name) => [name, syscallNumber(name)])), theirs).map(
          ([name, number]) => [`__NR_${name}`, BigInt(number ?? -1)],
        ),
      ),
    );
  });
});

describe("numbers of calls on arm64", () => {
  /** The header of all newer architectures, which every architecture's package of headers has. */
  const header = "/usr/include/asm-generic/unistd.h";
  const text = existsSync(header) ? readFileSync(header, "utf8") : "";
  const theirs = new Map(
    [...text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm)].map(([, name = "", number]) => [
      name,
      Number(number),
    ]),
  );

  test.skipIf(text === "")(
    "those that the tests refuse are what the headers have (needs <asm-generic/unistd.h>)",
    () => {
      for (const [name, [, number]] of inHeaders(syscallNumbers, theirs))
        if (number !== undefined) expect({ [name]: theirs.get(name) }).toEqual({ [name]: number });
    },
  );

  test.skipIf(text === "" || process.arch !== "arm64")(
    "SYS is what the headers have (needs arm64 and <asm-generic/unistd.h>)",
    () => {
      for (const [name, number] of inHeaders(SYS, theirs))
        expect({ [name]: theirs.get(name) }).toEqual({ [name]: number });
    },
  );
});

/** C writes what we read, and reads what we write. */
describe("structs", () => {
  const address = "u64";

  const inotify = without(["sys/inotify.h"]);
  test.skipIf(inotify.skip)(`read_inotify_event() reads struct inotify_event${inotify.why}`, () => {
    const { fill } = compile(
      ["sys/inotify.h", "string.h"],
      `void fill(unsigned long long at) {
        struct inotify_event *event = (void *)at;
        event->wd = -7;
        event->mask = IN_ONESHOT | IN_CREATE;
        event->cookie = 0xfedcba98;
        event->len = 8;
        memcpy(event->name, "name", 4);
      }`,
      { fill: { args: [address], returns: "void" } },
    );
    using buf = syscalls.pinned(64);
    fill(buf.address);
    expect(syscalls.read_inotify_event(buf, 0, 24)).toEqual({
      wd: -7,
      mask: 0x80000100,
      cookie: 0xfedcba98,
      len: 8,
      name: new TextEncoder().encode("name"),
    });
    const visited: number[][] = [];
    expect(syscalls.read_inotify_events(buf, 24, (...fields) => void visited.push(fields))).toBe(
      24,
    );
    expect(visited).toEqual([[-7, 0x80000100, 0xfedcba98, 16, 8]]);
  });

  const epoll = without(["sys/epoll.h"]);
  test.skipIf(epoll.skip)(`read_epoll_event() reads struct epoll_event${epoll.why}`, () => {
    const { fill } = compile(
      ["sys/epoll.h"],
      `void fill(unsigned long long at) {
        struct epoll_event *events = (void *)at;
        for (int index = 0; index < 3; index++) {
          events[index].events = EPOLLET | index;
          events[index].data.u64 = 0x1122334400000000 + index + 5;
        }
      }`,
      { fill: { args: [address], returns: "void" } },
    );
    using events = syscalls.pinned(3 * syscalls.EPOLL_EVENT_SIZE);
    fill(events.address);
    for (let index = 0; index < 3; index++) {
      expect(syscalls.read_epoll_event(events, index)).toEqual({
        events: 0x80000000 + index,
        fd: index + 5,
      });
    }
  });

  const aio = without(["linux/aio_abi.h"]);
  test.skipIf(aio.skip)(`write_iocb_poll() writes struct iocb${aio.why}`, () => {
    const fields = [
      "aio_lio_opcode",
      "aio_fildes",
      "aio_buf",
      "aio_flags",
      "aio_resfd",
      "aio_nbytes",
      "aio_offset",
      "aio_reqprio",
    ];
    const { field } = compile(
      ["linux/aio_abi.h"],
      `long long field(unsigned long long at, int index) {
        struct iocb *iocb = (void *)at;
        switch (index) {
          ${fields.map((name, at) => `case ${at}: return iocb->${name};`).join("\n")}
        }
        return iocb->aio_flags == IOCB_FLAG_RESFD && iocb->aio_lio_opcode == IOCB_CMD_POLL;
      }`,
      { field: { args: [address, "i32"], returns: "i64" } },
    );
    using iocbpp = syscalls.pinned(8 + syscalls.IOCB_SIZE);
    syscalls.write_iocb_poll(iocbpp, 3, syscalls.EPOLL.IN | syscalls.EPOLL.RDHUP, 4);
    const iocb = iocbpp.address + 8;
    const read = fields.map((name, index) => [name, Number(field(iocb, index))]);
    expect(Object.fromEntries(read)).toEqual({
      aio_lio_opcode: 5,
      aio_fildes: 3,
      aio_buf: 0x2001,
      aio_flags: 1,
      aio_resfd: 4,
      aio_nbytes: 0,
      aio_offset: 0,
      aio_reqprio: 0,
    });
    expect(field(iocb, fields.length)).toBe(1n);
  });

  const signal = without(["signal.h"]);
  test.skipIf(signal.skip)(`read_waitid_siginfo() reads siginfo_t${signal.why}`, () => {
    const { fill } = compile(
      ["signal.h"],
      `void fill(unsigned long long at) {
        siginfo_t *info = (void *)at;
        info->si_signo = SIGCHLD;
        info->si_code = CLD_DUMPED;
        info->si_pid = 0x12345678;
        info->si_uid = 0xfedcba98;
        info->si_status = -2;
      }`,
      { fill: { args: [address], returns: "void" } },
    );
    using infop = syscalls.pinned(syscalls.SIGINFO_SIZE);
    fill(infop.address);
    expect(syscalls.read_waitid_siginfo(infop.bytes)).toEqual({
      si_signo: 17,
      si_code: syscalls.CLD.DUMPED,
      si_pid: 0x12345678,
      si_uid: 0xfedcba98,
      si_status: -2,
    });
  });

  const pidfd = without(["linux/pidfd.h"]);
  const known =
    !pidfd.skip && evaluate(["linux/pidfd.h"], ["sizeof(struct pidfd_info)"]).size === 1;
  const newer = known ? "" : " (needs the headers of Linux 6.15)";
  test.skipIf(!known)(`read_pidfd_info() reads struct pidfd_info${newer}`, () => {
    const fields = Object.keys(syscalls.read_pidfd_info(new Uint8Array(syscalls.PIDFD_INFO_SIZE)));
    const { fill } = compile(
      ["linux/pidfd.h"],
      `void fill(unsigned long long at) {
        struct pidfd_info *info = (void *)at;
        ${fields.map((field, index) => `info->${field} = ${index + 1};`).join("\n")}
      }`,
      { fill: { args: [address], returns: "void" } },
    );
    using info = syscalls.pinned(1024);
    fill(info.address);
    expect(Object.values(syscalls.read_pidfd_info(info.bytes)).map(Number)).toEqual(
      fields.map((_, index) => index + 1),
    );
  });

  const capability = without(["linux/capability.h"]);
  test.skipIf(capability.skip)(
    `struct __user_cap_data_struct is read and written as C has it${capability.why}`,
    () => {
      const { fill, version } = compile(
        ["linux/capability.h"],
        `void fill(struct __user_cap_data_struct *data) {
        data[0].effective = 1; data[0].permitted = 2; data[0].inheritable = 0xfffffffd;
        data[1].effective = 4; data[1].permitted = 5; data[1].inheritable = 6;
      }
      long long version(void) { return sizeof(struct __user_cap_header_struct) == 8 ? _LINUX_CAPABILITY_U32S_3 : 0; }`,
        { fill: { args: ["ptr"], returns: "void" }, version: { args: [], returns: "i64" } },
      );
      const words = new Uint32Array(6);
      fill(words);
      const data = syscalls.read_user_cap_data(new DataView(words.buffer));
      expect(data).toEqual({
        effective: 0x4_0000_0001n,
        permitted: 0x5_0000_0002n,
        inheritable: 0x6_ffff_fffdn,
      });
      const written = new Uint32Array(6);
      syscalls.write_user_cap_data(new DataView(written.buffer), data);
      expect(written).toEqual(words);
      expect(version()).toBe(2n);
    },
  );

  const seccomp = without(["linux/filter.h"]);
  test.skipIf(seccomp.skip)(`write_sock_filter() writes struct sock_filter${seccomp.why}`, () => {
    const { field } = compile(
      ["linux/filter.h"],
      `long long field(unsigned long long at, int index) {
        struct sock_filter *filter = (void *)at;
        switch (index) {
          case 0: return filter[1].code;
          case 1: return filter[1].jt;
          case 2: return filter[1].jf;
          case 3: return filter[1].k;
          case 4: return sizeof(struct sock_filter);
          case 5: return sizeof(struct sock_fprog);
          default: return offsetof(struct sock_fprog, filter);
        }
      }`,
      { field: { args: [address, "i32"], returns: "i64" } },
    );
    using program = syscalls.write_sock_filter([
      { code: 0, jt: 0, jf: 0, k: 0 },
      { code: 0xfedc, jt: 0xba, jf: 0x98, k: 0xfedc_ba98 },
    ]);
    expect([0, 1, 2, 3, 4, 5, 6].map((index) => field(program.address, index))).toEqual([
      0xfedcn,
      0xban,
      0x98n,
      0xfedc_ba98n,
      8n,
      16n,
      8n,
    ]);
  });

  const timer = without(["sys/timerfd.h"]);
  test.skipIf(timer.skip)(`struct itimerspec is read and written as C has it${timer.why}`, () => {
    const { fill, field } = compile(
      ["sys/timerfd.h"],
      `void fill(struct itimerspec *spec) {
        spec->it_interval.tv_sec = -1;
        spec->it_interval.tv_nsec = 999999999;
        spec->it_value.tv_sec = 0x123456789abcdef;
        spec->it_value.tv_nsec = 7;
      }
      long long field(struct itimerspec *spec, int index) {
        switch (index) {
          case 0: return spec->it_interval.tv_sec;
          case 1: return spec->it_interval.tv_nsec;
          case 2: return spec->it_value.tv_sec;
          case 3: return spec->it_value.tv_nsec;
          default: return sizeof(struct itimerspec);
        }
      }`,
      {
        fill: { args: ["ptr"], returns: "void" },
        field: { args: ["ptr", "i32"], returns: "i64" },
      },
    );
    const words = new BigInt64Array(4);
    fill(words);
    const spec = syscalls.read_itimerspec(words);
    expect(spec).toEqual({
      it_interval: { tv_sec: -1n, tv_nsec: 999_999_999n },
      it_value: { tv_sec: 0x123456789abcdefn, tv_nsec: 7n },
    });
    const written = syscalls.write_itimerspec(spec);
    expect([0, 1, 2, 3, 4].map((index) => field(written, index))).toEqual([
      -1n,
      999_999_999n,
      0x123456789abcdefn,
      7n,
      32n,
    ]);
  });

  test.skipIf(signal.skip)(
    `read_siginfo() reads siginfo_t, and write_siginfo() writes it${signal.why}`,
    () => {
      const { fill, check } = compile(
        ["signal.h", "string.h"],
        `void fill(unsigned long long at, int kind) {
        siginfo_t *info = (void *)at;
        memset(info, 0, sizeof *info);
        info->si_signo = SIGRTMAX;
        info->si_errno = 5;
        info->si_code = SI_TIMER;
        if (kind == 0) {
          info->si_pid = 77;
          info->si_uid = 0xfffffffe;
          info->si_status = -9;
          info->si_utime = 123456789012;
          info->si_stime = 210987654321;
        }
        if (kind == 1) {
          info->si_timerid = 3;
          info->si_overrun = -2;
          info->si_ptr = (void *)0xfedcba9876543210;
        }
        if (kind == 2) {
          info->si_band = 0x1234567890;
          info->si_fd = 42;
        }
      }
      int check(unsigned long long at) {
        siginfo_t *info = (void *)at;
        return info->si_signo == SIGUSR1 && info->si_code == SI_QUEUE && info->si_errno == 0 &&
          info->si_pid == 4711 && info->si_uid == 0xfffffffe && info->si_int == -3;
      }`,
        {
          fill: { args: [address, "i32"], returns: "void" },
          check: { args: [address], returns: "i32" },
        },
      );
      using info = syscalls.pinned(2 * syscalls.SIGINFO_SIZE);
      const at = info.address + syscalls.SIGINFO_SIZE;
      const read = () => syscalls.read_siginfo(info, syscalls.SIGINFO_SIZE);
      fill(at, 0);
      expect(read()).toMatchObject({
        si_signo: 64,
        si_errno: 5,
        si_code: -2,
        si_pid: 77,
        si_uid: 0xfffffffe,
        si_status: -9,
        si_utime: 123456789012n,
        si_stime: 210987654321n,
      });
      fill(at, 1);
      expect(read()).toMatchObject({
        si_timerid: 3,
        si_overrun: -2,
        si_int: 0x76543210,
        si_ptr: 0xfedcba9876543210n,
      });
      fill(at, 2);
      expect(read()).toMatchObject({ si_band: 0x1234567890n, si_fd: 42 });
      expect(syscalls.read_siginfo(info, syscalls.SIGINFO_SIZE + 1)).toBeUndefined();
      expect(syscalls.read_siginfo(info, 0, syscalls.SIGINFO_SIZE - 1)).toBeUndefined();
      expect(syscalls.read_siginfo(info, -1)).toBeUndefined();
      syscalls.write_siginfo(info, {
        si_signo: 10,
        si_code: syscalls.SI.QUEUE,
        si_pid: 4711,
        si_uid: 0xfffffffe,
        si_value: -3,
      });
      expect(check(info.address)).toBe(1);
      expect(syscalls.read_siginfo(info, 0)?.si_ptr).toBe(0xfffffffdn);
    },
  );

  test.skipIf(signal.skip)(`struct sigaction is read and written as it is${signal.why}`, () => {
    const { fill, check } = compile(
      ["signal.h", "string.h"],
      `void fill(unsigned long long at) {
        struct sigaction *act = (void *)at;
        memset(act, 0, sizeof *act);
        act->sa_handler = (void *)0x123456789abc;
        sigemptyset(&act->sa_mask);
        sigaddset(&act->sa_mask, 1);
        sigaddset(&act->sa_mask, 64);
        act->sa_flags = SA_RESETHAND | SA_SIGINFO;
      }
      int check(unsigned long long at) {
        struct sigaction *act = (void *)at;
        return act->sa_handler == (void *)0x123456789abc && act->sa_flags == (SA_RESETHAND | SA_SIGINFO) &&
          sigismember(&act->sa_mask, 1) && sigismember(&act->sa_mask, 64) && !sigismember(&act->sa_mask, 2);
      }`,
      {
        fill: { args: [address], returns: "void" },
        check: { args: [address], returns: "i32" },
      },
    );
    using memory = syscalls.pinned(syscalls.SIGACTION_SIZE);
    const { SA } = syscalls;
    const action = {
      sa_handler: 0x123456789abcn,
      sa_mask: (1n << 63n) | 1n,
      sa_flags: SA.RESETHAND | SA.SIGINFO,
    };
    syscalls.write_sigaction(memory.view, 0, action);
    expect(check(memory.address)).toBe(1);
    memory.bytes.fill(0xff);
    fill(memory.address);
    expect(syscalls.read_sigaction(memory.view, 0)).toEqual({
      ...action,
      sa_flags: action.sa_flags >>> 0,
    });
  });

  const signalfd = without(["sys/signalfd.h"]);
  test.skipIf(signalfd.skip)(
    `read_signalfd_siginfo() reads struct signalfd_siginfo${signalfd.why}`,
    () => {
      const fields = [
        ["ssi_signo", 64],
        ["ssi_errno", -5],
        ["ssi_code", -2],
        ["ssi_pid", 4711],
        ["ssi_uid", 0xfffffffe],
        ["ssi_fd", -7],
        ["ssi_tid", 9],
        ["ssi_band", 0xfedcba98],
        ["ssi_overrun", 11],
        ["ssi_trapno", 12],
        ["ssi_status", -13],
        ["ssi_int", -14],
        ["ssi_ptr", 0xfedcba9876543210n],
        ["ssi_utime", 123456789012n],
        ["ssi_stime", 210987654321n],
        ["ssi_addr", 0xffff876543210n],
      ] as const;
      const { fill } = compile(
        ["sys/signalfd.h"],
        `void fill(unsigned long long at) {
        struct signalfd_siginfo *info = (void *)at;
        ${fields.map(([name, value]) => `info->${name} = ${value}${typeof value === "bigint" ? "ull" : "ll"};`).join("\n")}
      }`,
        { fill: { args: [address], returns: "void" } },
      );
      const size = syscalls.SIGNALFD_SIGINFO_SIZE;
      using buf = syscalls.pinned(2 * size);
      fill(buf.address + size);
      expect(syscalls.read_signalfd_siginfo(buf, size, 2 * size)).toEqual(
        Object.fromEntries(fields) as unknown as syscalls.SignalfdSiginfo,
      );
      expect(syscalls.read_signalfd_siginfo(buf, size, 2 * size - 1)).toBeUndefined();
      expect(syscalls.read_signalfd_siginfo(buf, size + 1, 3 * size)).toBeUndefined();
      expect(syscalls.read_signalfd_siginfo(buf, -1, size)).toBeUndefined();
    },
  );

  const iovec = without(["sys/uio.h"]);
  test.skipIf(iovec.skip)(`struct iovec is as vmsplice() has it${iovec.why}`, () => {
    const expressions = {
      "sizeof(struct iovec)": 16n,
      "offsetof(struct iovec, iov_base)": 0n,
      "offsetof(struct iovec, iov_len)": 8n,
      "sizeof(off_t)": 8n,
    };
    expect(Object.fromEntries(evaluate(["sys/uio.h"], Object.keys(expressions)))).toEqual(
      expressions,
    );
  });

  const fanotify = without(["linux/fanotify.h"]);
  test.skipIf(fanotify.skip)(`fanotify's events are read as C has them${fanotify.why}`, () => {
    const { fill } = compile(
      ["linux/fanotify.h", "fcntl.h", "string.h"],
      `int fill(unsigned long long at) {
        struct fanotify_event_metadata *event = (void *)at;
        char *next = (void *)(event + 1);
        event->vers = FANOTIFY_METADATA_VERSION;
        event->metadata_len = FAN_EVENT_METADATA_LEN;
        event->mask = 0xfedcba9840000100;
        event->fd = -9;
        event->pid = 4711;
        struct fanotify_event_info_fid *fid = (void *)next;
        struct file_handle *handle = (void *)fid->handle;
        fid->hdr.info_type = FAN_EVENT_INFO_TYPE_DFID_NAME;
        fid->fsid.val[0] = -2;
        fid->fsid.val[1] = 3;
        handle->handle_bytes = 8;
        handle->handle_type = -4;
        memcpy(handle->f_handle, "12345678", 8);
        memcpy(handle->f_handle + 8, "name\\0\\0\\0", 8);
        fid->hdr.len = sizeof *fid + sizeof *handle + 16;
        next += fid->hdr.len;
        struct fanotify_event_info_pidfd *pidfd = (void *)next;
        pidfd->hdr.info_type = FAN_EVENT_INFO_TYPE_PIDFD;
        pidfd->hdr.len = sizeof *pidfd;
        pidfd->pidfd = -2;
        next += sizeof *pidfd;
        struct fanotify_event_info_error *error = (void *)next;
        error->hdr.info_type = FAN_EVENT_INFO_TYPE_ERROR;
        error->hdr.len = sizeof *error;
        error->error = 117;
        error->error_count = 0xfffffffe;
        next += sizeof *error;
        return event->event_len = next - (char *)at;
      }`,
      { fill: { args: [address], returns: "i32" } },
    );
    using buf = syscalls.pinned(256);
    const length = fill(buf.address);
    expect(syscalls.read_fanotify_event_metadata(buf, 0, length)).toEqual({
      event_len: length,
      vers: 3,
      metadata_len: 24,
      mask: 0xfedcba9840000100n,
      fd: -9,
      pid: 4711,
    });
    const visited: unknown[] = [];
    const end = syscalls.read_fanotify_events(buf, length, (...event) => {
      visited.push(event);
      syscalls.read_fanotify_event_infos(buf, event[2], event[1], (_, from, to) => {
        visited.push(syscalls.read_fanotify_event_info(buf, from, to));
      });
    });
    expect(end).toBe(length);
    expect(visited).toEqual([
      [0, length, 24, 0x40000100, 0xfedcba98, -9, 4711],
      {
        info_type: 2,
        fsid: [-2, 3],
        handle: { handle_type: -4, f_handle: new TextEncoder().encode("12345678") },
        name: new TextEncoder().encode("name"),
      },
      { info_type: 4, pidfd: -2 },
      { info_type: 5, error: 117, error_count: 0xfffffffe },
    ]);
    expect(syscalls.read_fanotify_handle_end(buf, 24, length)).toBe(24 + 20 + 8);
  });

  const newRecords = [
    "offsetof(struct fanotify_event_info_range, offset)",
    "offsetof(struct fanotify_event_info_range, count)",
    "offsetof(struct fanotify_event_info_mnt, mnt_id)",
  ];
  const offsets = fanotify.skip
    ? new Map<string, bigint>()
    : evaluate(["linux/fanotify.h"], newRecords);
  const later = offsets.size === 3 ? "" : " (needs the headers of Linux 6.15)";
  test.skipIf(later !== "")(`fanotify's newer records are as C has them${later}`, () => {
    expect([...offsets.values()]).toEqual([8n, 16n, 8n]);
  });

  test.skipIf(fanotify.skip)(
    `write_fanotify_response() writes struct fanotify_response${fanotify.why}`,
    () => {
      const { check } = compile(
        ["linux/fanotify.h"],
        `int check(struct fanotify_response *response) {
          return response->fd == -7 && response->response == (FAN_DENY | FAN_AUDIT);
        }`,
        { check: { args: ["ptr"], returns: "i32" } },
      );
      const { AUDIT, DENY } = syscalls.FAN_RESPONSE;
      expect(check(syscalls.write_fanotify_response({ fd: -7, response: DENY | AUDIT }))).toBe(1);
    },
  );

  const statfs = without(["sys/statfs.h"]);
  test.skipIf(statfs.skip)(`read_statfs() reads struct statfs${statfs.why}`, () => {
    const fields = Object.keys(syscalls.read_statfs(new Uint8Array(syscalls.STATFS_SIZE)));
    const { fill } = compile(
      ["sys/statfs.h", "string.h"],
      `void fill(struct statfs *fs) {
        ${fields.map((field, index) => (field === "f_fsid" ? `int fsid[] = {-1, ${index}}; memcpy(&fs->f_fsid, fsid, 8);` : `fs->${field} = ${index};`)).join("\n")}
      }`,
      { fill: { args: ["ptr"], returns: "void" } },
    );
    const buf = new Uint8Array(syscalls.STATFS_SIZE);
    fill(buf);
    expect(Object.values(syscalls.read_statfs(buf))).toEqual(
      fields.map((field, index) => (field === "f_fsid" ? [-1, index] : BigInt(index))),
    );
  });

  const fcntl = without(["fcntl.h"]);
  test.skipIf(fcntl.skip)(`write_file_handle() writes struct file_handle${fcntl.why}`, () => {
    const { check } = compile(
      ["fcntl.h", "string.h"],
      `int check(struct file_handle *handle) {
        return handle->handle_bytes == 5 && handle->handle_type == -3 &&
          memcmp(handle->f_handle, "bytes", 5) == 0;
      }`,
      { check: { args: ["ptr"], returns: "i32" } },
    );
    const f_handle = new TextEncoder().encode("bytes");
    expect(check(syscalls.write_file_handle({ handle_type: -3, f_handle }))).toBe(1);
  });

  const dirent = without(["dirent.h"]);
  test.skipIf(dirent.skip)(`read_linux_dirent64() reads struct dirent64${dirent.why}`, () => {
    const { fill } = compile(
      ["dirent.h", "string.h"],
      `void fill(unsigned long long at) {
        struct dirent64 *entry = (void *)at;
        entry->d_ino = 0xfedcba9876543210;
        entry->d_off = -3;
        entry->d_reclen = 24;
        entry->d_type = DT_LNK;
        memcpy(entry->d_name, "name", 5);
      }`,
      { fill: { args: [address], returns: "void" } },
    );
    using dirp = syscalls.pinned(64);
    fill(dirp.address + 8);
    expect(syscalls.read_linux_dirent64(dirp, 8, 32)).toEqual({
      d_ino: 0xfedcba9876543210n,
      d_off: -3n,
      d_reclen: 24,
      d_type: syscalls.DT.LNK,
      d_name: new TextEncoder().encode("name"),
    });
    fill(dirp.address);
    const visited: number[][] = [];
    expect(syscalls.read_linux_dirents64(dirp, 24, (...fields) => void visited.push(fields))).toBe(
      24,
    );
    expect(visited).toEqual([[0x76543210, 0xfedcba98, syscalls.DT.LNK, 19, 4]]);
  });

  const stat = without(["linux/stat.h"]);
  test.skipIf(stat.skip)(`read_statx() reads struct statx${stat.why}`, () => {
    const fields = Object.keys(syscalls.read_statx(syscalls.pinned(syscalls.STATX_SIZE)));
    const isTime = (field: string): boolean => field.endsWith("time");
    const { fill } = compile(
      ["linux/stat.h"],
      `void fill(unsigned long long at) {
        struct statx *stat = (void *)at;
        ${fields
          .map((field, index) =>
            isTime(field)
              ? `stat->${field}.tv_sec = -${index + 1}; stat->${field}.tv_nsec = ${index + 100};`
              : `stat->${field} = ${index + 1};`,
          )
          .join("\n")}
        stat->stx_ino = 0xfedcba9876543210;
        stat->stx_mtime.tv_sec = -2;
        stat->stx_ctime.tv_sec = 0x123456789;
        stat->stx_ctime.tv_nsec = 500000;
      }`,
      { fill: { args: [address], returns: "void" } },
    );
    using statxbuf = syscalls.pinned(syscalls.STATX_SIZE);
    fill(statxbuf.address);
    const told = Object.entries(syscalls.read_statx(statxbuf)).map(([field, value], index) => [
      field,
      field === "stx_ino"
        ? value === 0xfedcba9876543210n
        : typeof value === "object"
          ? (value as syscalls.StatxTimestamp).tv_nsec ===
            (field === "stx_ctime" ? 500_000 : index + 100)
          : Number(value) === index + 1,
    ]);
    expect(told.filter(([, right]) => right !== true)).toEqual([]);
    expect(syscalls.read_statx(statxbuf).stx_btime.tv_sec).toBe(
      -1n - BigInt(fields.indexOf("stx_btime")),
    );
    const mode = fields.indexOf("stx_mode") + 1;
    expect(syscalls.read_statx_identity(statxbuf)).toEqual([mode, 0x76543210, 0xfedcba98]);
    const [mtime, ctime] = syscalls.read_statx_changed(statxbuf);
    expect(mtime).toBeCloseTo(-2000, 3);
    expect(ctime).toBeCloseTo(0x123456789 * 1000 + 0.5, 3);
  });

  const poll = without(["poll.h"]);
  test.skipIf(poll.skip)(`struct pollfd is as poll() has it${poll.why}`, () => {
    const expressions = {
      "sizeof(struct pollfd)": 8n,
      "offsetof(struct pollfd, fd)": 0n,
      "offsetof(struct pollfd, events)": 4n,
      "offsetof(struct pollfd, revents)": 6n,
    };
    expect(Object.fromEntries(evaluate(["poll.h"], Object.keys(expressions)))).toEqual(expressions);
  });

  const setattr = without(["linux/mount.h"]);
  test.skipIf(setattr.skip)(`write_mount_attr() writes struct mount_attr${setattr.why}`, () => {
    const { read } = compile(
      ["linux/mount.h"],
      `unsigned long long read(unsigned long long at, int which) {
        struct mount_attr *attr = (void *)at;
        unsigned long long all[] = { attr->attr_set, attr->attr_clr, attr->propagation, attr->userns_fd };
        return all[which];
      }`,
      { read: { args: [address, "i32"], returns: "u64" } },
    );
    const attr = { attr_set: 1n << 40n, attr_clr: 2, propagation: 3, userns_fd: 4 };
    using struct = syscalls.pinned(syscalls.MOUNT_ATTR_SIZE);
    struct.bytes.set(syscalls.write_mount_attr(attr));
    expect([0, 1, 2, 3].map((which) => read(struct.address, which))).toEqual([
      1n << 40n,
      2n,
      3n,
      4n,
    ]);
  });

  const statmount =
    !setattr.skip &&
    evaluate(["linux/mount.h"], ["offsetof(struct statmount, mnt_gidmap)"]).size === 1;
  test.skipIf(!statmount)(
    `read_statmount() and write_mnt_id_req() have struct statmount and mnt_id_req${statmount ? "" : " (needs the headers of Linux 6.15)"}`,
    () => {
      const zero = syscalls.read_statmount(new Uint8Array(syscalls.STATMOUNT_SIZE));
      const numbers = Object.entries(zero)
        .filter(([, value]) => value !== undefined)
        .map(([name]) => name);
      const strings = ["fs_type", "mnt_root", "mnt_point", "mnt_opts", "fs_subtype", "sb_source"];
      const arrays = ["opt_array", "opt_sec_array", "mnt_uidmap", "mnt_gidmap"];
      const { fill, req } = compile(
        ["linux/mount.h", "string.h"],
        `void fill(unsigned long long at) {
          struct statmount *sm = (void *)at;
          ${numbers.map((name, index) => `sm->${name} = ${index + 1};`).join("\n")}
          sm->mask = -1ull;
          ${[...strings, ...arrays].map((name, index) => `sm->${name} = ${2 * index}; sm->str[${2 * index}] = ${97 + index};`).join("\n")}
          sm->opt_num = sm->opt_sec_num = sm->mnt_uidmap_num = sm->mnt_gidmap_num = 1;
        }
        unsigned long long req(unsigned long long at, int which) {
          struct mnt_id_req *req = (void *)at;
          unsigned long long all[] = { req->size, req->mnt_id, req->param, req->mnt_ns_id };
          return all[which];
        }`,
        {
          fill: { args: [address], returns: "void" },
          req: { args: [address, "i32"], returns: "u64" },
        },
      );
      using memory = syscalls.pinned(syscalls.STATMOUNT_SIZE + 64);
      fill(memory.address);
      const read: Readonly<Record<string, unknown>> = { ...syscalls.read_statmount(memory.bytes) };
      for (const [index, name] of numbers.entries())
        if (name !== "mask") expect({ [name]: Number(read[name]) }).toEqual({ [name]: index + 1 });
      for (const [index, name] of [...strings, ...arrays].entries()) {
        const text = new Uint8Array([97 + index]);
        expect({ [name]: read[name] }).toEqual({ [name]: arrays.includes(name) ? [text] : text });
      }
      memory.bytes.set(syscalls.write_mnt_id_req({ mnt_id: 7n, param: 8n, mnt_ns_id: 9n }));
      expect([0, 1, 2, 3].map((which) => req(memory.address, which))).toEqual([32n, 7n, 8n, 9n]);
    },
  );
});
