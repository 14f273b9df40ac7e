/**
 * The machine code of the handler that `Signalfd` installs, and where it keeps what. Its source is beside it, in
 * signal-handler.x64.s and signal-handler.arm64.s; a test assembles that again and compares.
 *
 * @module
 */

/** A function that is called as every handler is: with a signal, its `siginfo_t *` and the `ucontext_t *` of who was interrupted. */
const codes = {
  x64: [
    "4c8d05f9ff0000f041ff004189f9393e74114889f731c0b910000000fcf348ab",
    "44890e438b7c884085ff7823ba80000000b8010000000f053d80000000744183",
    "f8f5741043c7448840feffffffeb0583ffff740bf043ff848800020000eb21b8",
    "270000000f0589c74889f24489ceb8810000000f0585c07407b83e0000000f05",
    "f041ff08c3",
  ],
  arm64: [
    "09000810ea03002aeb0301aa2c0100918dfd5f88ad0500118dfd0e88aeffff35",
    "bf3b03d5ed0300917f010deb00010054eb030daae1030daa0e018052bf7d81a8",
    "ce050071c1ffff546a0100b92f010191ef090a8be00140b96001f837021080d2",
    "080880d2010000d41f0002f1400300541f2c00b1c00000542d008012ed0100b9",
    "030000141f040031000100542f010891ef090a8bedfd5f88ad050011edfd0e88",
    "aeffff350c000014881580d2010000d4ed03002ae1030a2ae2030baa481180d2",
    "010000d480000034e0030d2a281080d2010000d48dfd5f88ad0500518dfd0e88",
    "aeffff35c0035fd6",
  ],
} as const;

/** Where things are in the data, in bytes. */
export const DATA = {
  /** The data itself, from the beginning of the code on: on pages of its own, whatever their size. */
  offset: 0x1_0000,
  /** How many threads run the code. 32 bits. */
  active: 0,
  /** For each signal the descriptor that it is written to, or what there is instead. 32 bits each. */
  fds: 64,
  /** For each signal how often there was no room. 32 bits each. */
  lost: 512,
  /** The thread that takes signals with this code, which is none of the code's business. 32 bits. */
  owner: 1024,
  /** For each signal what there was before, which is none of the code's business either. */
  saved: 4096,
  size: 0x1_0000,
} as const;

/** What there is instead of a descriptor: the signal is sent to the process again, or it is lost. */
export const INSTEAD = { GIVEN_BACK: -1, BROKEN: -2 } as const;

/** The code for an architecture. */
export function handlerCode(arch: keyof typeof codes): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(codes[arch].join(""));
}
