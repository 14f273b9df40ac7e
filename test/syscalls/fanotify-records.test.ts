/** The readers of fanotify's records, at the end of a page behind which nothing may be read. */
import { toArrayBuffer } from "bun:ffi";
import { afterAll, describe, expect, test } from "bun:test";

import {
  type Address,
  FAN_EVENT_INFO_TYPE,
  FAN_EVENT_METADATA_LEN,
  FAN_RESPONSE,
  MAP,
  mmap,
  mprotect,
  munmap,
  PROT,
  read_fanotify_event_info,
  read_fanotify_event_infos,
  read_fanotify_event_metadata,
  read_fanotify_events,
  read_fanotify_handle_end,
  write_fanotify_response,
} from "bun-butter/syscalls";
import fc from "fast-check";

import { Pinned } from "../../src/libc.ts";
import { expectRefusal } from "../support/arguments.ts";

/** A page is 4 KiB on x64, and up to 64 KiB on arm64. */
const PAGE = 64 * 1024;
const map = mmap(0, 2 * PAGE, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
mprotect(map + PAGE, PAGE, PROT.NONE);
afterAll(() => munmap(map, 2 * PAGE));

/** Bytes that end where the page does: a look past them ends this process. */
class PageEnd extends Pinned {
  readonly #at: Address;
  readonly #length: number;

  constructor(content: Uint8Array) {
    super(1);
    this.#length = content.byteLength;
    this.#at = (map + PAGE - this.#length) as Address;
    const buffer = toArrayBuffer(this.#at, 0, this.#length);
    const bytes = new Uint8Array(buffer);
    bytes.set(content);
    Object.assign(this, { bytes, view: new DataView(buffer) });
  }

  override get address(): Address {
    return this.#at;
  }

  override get byteLength(): number {
    return this.#length;
  }
}

const { FID, DFID, DFID_NAME, PIDFD, ERROR, RANGE, MNT, OLD_DFID_NAME, NEW_DFID_NAME } =
  FAN_EVENT_INFO_TYPE;

/** A record: its header with the right length, then its content. */
function record(info_type: number, content: readonly number[]): number[] {
  const length = 4 + content.length;
  return [info_type, 0, length & 0xff, length >> 8, ...content];
}

const u32 = (value: number): number[] => [...new Uint8Array(new Uint32Array([value]).buffer)];
const text = (value: string): number[] => [...new TextEncoder().encode(value)];

const fid = (info_type: number, handle: readonly number[], name: readonly number[] = []) =>
  record(info_type, [
    ...u32(1),
    ...u32(2),
    ...u32(handle.length),
    ...u32(0x81),
    ...handle,
    ...name,
  ]);

/** An event with its records. */
function event(records: readonly number[], mask = 0x100): number[] {
  const length = FAN_EVENT_METADATA_LEN + records.length;
  return [...u32(length), 3, 0, 24, 0, ...u32(mask), ...u32(0), ...u32(-1), ...u32(7), ...records];
}

/** Reads all there is, and checks that no reader leaves its bounds. */
function readAll(content: Uint8Array): { readonly infos: unknown[]; readonly whole: boolean } {
  using buf = new PageEnd(content);
  const { byteLength: length } = content;
  const infos: unknown[] = [];
  let whole = true;
  let last = 0;
  const visited = read_fanotify_events(buf, length, (offset, end, records) => {
    expect(offset).toBe(last);
    expect(records).toBeGreaterThanOrEqual(offset + FAN_EVENT_METADATA_LEN);
    expect(end).toBeGreaterThanOrEqual(records);
    expect(end).toBeLessThanOrEqual(length);
    expect(read_fanotify_event_metadata(buf, offset, length)).toMatchObject({
      event_len: end - offset,
    });
    last = end;
    let at = records;
    const stopped = read_fanotify_event_infos(buf, records, end, (_, from, to) => {
      expect(from).toBe(at);
      expect(to).toBeGreaterThan(from);
      expect(to).toBeLessThanOrEqual(end);
      at = to;
      const handleEnd = read_fanotify_handle_end(buf, from, to);
      expect(handleEnd).toBeLessThanOrEqual(to);
      infos.push(read_fanotify_event_info(buf, from, to));
    });
    expect(stopped).toBe(at);
    whole &&= stopped === end;
  });
  expect(visited).toBe(last);
  return { infos, whole: whole && visited === length };
}

const random = fc.uint8Array({ minLength: 1, maxLength: 600 });

const infoType = fc.oneof(
  fc.constantFrom(...Object.values(FAN_EVENT_INFO_TYPE)),
  fc.integer({ min: 0, max: 255 }),
);

/** Records whose lengths are right, with anything in them. */
const anyRecord = fc
  .tuple(infoType, fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 }))
  .map(([type, content]) => record(type, content));

const goodRecord = fc
  .tuple(
    fc.constantFrom(FID, DFID, DFID_NAME, OLD_DFID_NAME, NEW_DFID_NAME),
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
    fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: 40 }),
  )
  .map(([type, handle, name]) => fid(type, handle, [...name, 0]));

const events = fc
  .array(fc.array(fc.oneof(anyRecord, goodRecord), { maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((all) => all.flatMap((records) => event(records.flat())));

describe("readers of fanotify's events", () => {
  test("random bytes are read to their end and not past it", () => {
    fc.assert(
      fc.property(random, (content) => void readAll(content)),
      { numRuns: 1500 },
    );
  });

  test("well-formed events are visited whole, whatever is in their records", () => {
    fc.assert(
      fc.property(events, (content) => {
        expect(readAll(new Uint8Array(content)).whole).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("events with changed bytes, and cut ones, are read to their end and not past it", () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    const changes = fc.array(change, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(events, changes, fc.nat({ max: 40 }), (content, mutations, cut) => {
        const bytes = new Uint8Array(content).slice(0, Math.max(1, content.length - cut));
        for (const [at, value] of mutations) if (bytes.length > 0) bytes[at % bytes.length] = value;
        readAll(bytes);
      }),
      { numRuns: 2500 },
    );
  });

  test("every length that a record claims is inside its event, or the rest is malformed", () => {
    for (const type of [0, FID, DFID_NAME, PIDFD, ERROR, RANGE, MNT, 255]) {
      for (let claimed = 0; claimed < 70; claimed++) {
        const content = new Uint8Array(event(record(type, text("0123456789abcdef0123456789"))));
        new DataView(content.buffer).setUint16(26, claimed, true);
        const { whole } = readAll(content);
        if (claimed < 4 || claimed > 30) expect(whole).toBe(false);
      }
    }
  });

  test("an event of another version, or with wrong lengths, ends the visit", () => {
    const good = event(fid(FID, text("12345678")));
    for (const [at, value] of [
      [4, 2], // vers
      [0, 23], // event_len
      [0, 0],
      [6, 23], // metadata_len
      [6, 255],
      [3, 0x80], // event_len of 2 GiB
    ] as const) {
      const bytes = new Uint8Array([...event([]), ...good]);
      bytes[24 + at] = value;
      using buf = new PageEnd(bytes);
      expect(read_fanotify_events(buf, bytes.byteLength, () => {})).toBe(24);
      expect(read_fanotify_event_metadata(buf, 24, bytes.byteLength)).toBeUndefined();
      expect(readAll(bytes).whole).toBe(false);
    }
  });

  test("records are what they hold, and unknown or malformed ones are undefined", () => {
    const { infos, whole } = readAll(
      new Uint8Array(
        event([
          ...fid(FID, text("1234")),
          ...fid(DFID_NAME, text("1234"), [...text("n"), 0, 0, 0]),
          ...fid(DFID_NAME, text("1234"), text("none")),
          ...record(200, text("12345678")),
          ...record(PIDFD, u32(-1)),
          ...record(PIDFD, []),
          ...record(RANGE, [...u32(0), ...u32(0), ...u32(1), ...u32(4096), ...u32(0)]),
          ...record(MNT, [...u32(0), ...u32(5), ...u32(1)]),
          ...record(ERROR, u32(5)),
          ...record(MNT, u32(5)),
          ...record(RANGE, u32(5)),
          ...record(FID, [...u32(1), ...u32(2), ...u32(0xffffffff), ...u32(1)]),
          ...record(FID, [
            ...u32(1),
            ...u32(2),
            ...u32(129),
            ...u32(1),
            ...Array.from<number>({ length: 129 }).fill(0),
          ]),
        ]),
      ),
    );
    const handle = { handle_type: 0x81, f_handle: new Uint8Array(text("1234")) };
    expect(whole).toBe(true);
    expect(infos).toEqual([
      { info_type: FID, fsid: [1, 2], handle, name: undefined },
      { info_type: DFID_NAME, fsid: [1, 2], handle, name: new Uint8Array(text("n")) },
      undefined,
      undefined,
      { info_type: PIDFD, pidfd: -1 },
      undefined,
      { info_type: RANGE, offset: 1n << 32n, count: 4096n },
      { info_type: MNT, mnt_id: (1n << 32n) | 5n },
      ...Array.from({ length: 5 }, () => undefined),
    ]);
  });

  test("readers refuse what is no pinned memory, and lengths that are longer than it", () => {
    using buf = new PageEnd(new Uint8Array(event([])));
    expectRefusal(() => read_fanotify_events(buf, 25, () => {}), RangeError);
    expectRefusal(() => read_fanotify_events(buf, -1, () => {}), RangeError);
    expectRefusal(() => read_fanotify_event_metadata(buf, 0, 25), RangeError);
    expectRefusal(() => read_fanotify_event_metadata(buf, -1, 24), RangeError);
    expectRefusal(() => read_fanotify_event_infos(buf, 0, 25, () => {}), RangeError);
    expectRefusal(() => read_fanotify_event_infos(buf, 0.5, 24, () => {}), RangeError);
    expectRefusal(() => read_fanotify_event_info(buf, -4, 24), RangeError);
    expectRefusal(() => read_fanotify_handle_end(buf, 0, 25), RangeError);
    const bytes = new Uint8Array(24) as unknown as Pinned;
    expectRefusal(() => read_fanotify_events(bytes, 24, () => {}), TypeError);
    expect(read_fanotify_event_metadata(buf, 24, 24)).toBeUndefined();
    expect(read_fanotify_event_info(buf, 24, 24)).toBeUndefined();
    expect(read_fanotify_event_infos(buf, 24, 10, () => expect.unreachable())).toBe(24);
  });

  test("write_fanotify_response() writes the audit rule behind the response", () => {
    const bytes = write_fanotify_response({
      fd: 5,
      response: FAN_RESPONSE.DENY | FAN_RESPONSE.INFO,
      audit_rule: { rule_number: 7, subj_trust: 2, obj_trust: 1 },
    });
    expect([...bytes]).toEqual([
      ...u32(5),
      ...u32(0x22),
      1,
      0,
      16,
      0,
      ...u32(7),
      ...u32(2),
      ...u32(1),
    ]);
    expectRefusal(() => write_fanotify_response({ fd: 0.5, response: 1 }), RangeError);
    expectRefusal(() => write_fanotify_response({ fd: 1, response: 2 ** 32 }), RangeError);
  });
});
