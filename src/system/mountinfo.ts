/**
 * Mounts as {@link https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html | /proc/self/mountinfo}
 * lists them, on every kernel.
 *
 * @module
 */
import { builtin } from "../libc.ts";
import {
  decode,
  type Decoded,
  type FileSystemFlag,
  fileSystemFlags,
  type MountEntry,
} from "./mount-entry.ts";
import { attrOf, flagsOf } from "./mount-flags.ts";

/** Every mount that this process can reach. */
export function readMountinfo(): MountEntry[] {
  // One byte is one character, so that bytes that are not UTF-8 survive.
  return parseMountinfo(builtin("node:fs").readFileSync("/proc/self/mountinfo", "latin1"));
}

/** Mounts of the text of a mountinfo, a character for each of its bytes. Lines that are none are left out. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split("\n").flatMap((line) => parseLine(line) ?? []);
}

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
function parseLine(line: string): MountEntry | undefined {
  const fields = line.split(" ");
  const end = fields.indexOf("-", 6);
  const [id, parent, device, root, target, flags] = fields;
  const [type, source, options] = fields.slice(end + 1);
  if (end === -1 || target === undefined || options === undefined) return undefined;
  const words = (flags ?? "").split(",");
  const own = options.split(",");
  const isFlag = (word: string): word is FileSystemFlag =>
    (fileSystemFlags as readonly string[]).includes(word);
  const tag = (name: string): number | undefined => {
    const found = fields.slice(6, end).find((field) => field.startsWith(`${name}:`));
    return found === undefined ? undefined : Number(found.slice(name.length + 1));
  };
  const [at, of, from] = [unescape(target), unescape(root ?? ""), unescape(source ?? "")];
  return {
    id: Number(id),
    parentId: Number(parent),
    mountinfoId: Number(id),
    target: at.text,
    targetBytes: at.bytes,
    root: of.text,
    rootBytes: of.bytes,
    source: from.text,
    sourceBytes: from.bytes,
    type: unescape(type ?? "").text,
    device: device ?? "",
    flags: flagsOf(attrOf(words)),
    fileSystemFlags: own.filter(isFlag),
    options: own.filter((word) => !isFlag(word) && word !== "").map((word) => unescape(word).text),
    idMapped: words.includes("idmapped"),
    peerGroup: tag("shared"),
    master: tag("master"),
    unbindable: fields.slice(6, end).includes("unbindable"),
  };
}

/** `\040` is a space. */
function unescape(field: string): Decoded {
  const latin1 = field.replaceAll(/\\([0-3][0-7][0-7])/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return decode(Uint8Array.from(Buffer.from(latin1, "latin1")));
}
