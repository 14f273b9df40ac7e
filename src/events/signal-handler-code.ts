/**
 * The machine code of the handler that `Signalfd` installs, and where it keeps what. Its source is beside it, in
 * signal-handler.x64.s and signal-handler.arm64.s; a test assembles that again and compares.
 *
 * @module
 */

/** A function that is called as every handler is: with a signal, its `siginfo_t *` and the `ucontext_t *` of who was interrupted. */
const codes = {
  x64: [
    "4c8d05f9ff0000f041ff004189f9488d4424084883ec3048897424204829d048",
    "894424287515393e74114889f731c0b910000000fcf348ab44890eb827000000",
    "0f0589c7418bb00004000031d2b8ea0000000f0583f8fd744b438b7c884085ff",
    "7842488b742420ba80000000b8010000000f053d800000000f84c800000083f8",
    "f7741383f8e0740ef043ff848800020000e9b000000089f8b9fffffffff0430f",
    "b14c884048837c2428000f859600000048c70424000000004489cf31f64889e2",
    "41ba08000000b80d0000000f05488d052cffffff4839042475494969c9980000",
    "00498d8c0800100000488b0131d2f744240804000000480f44c248890424488b",
    "410848894424188b81880000008164240800000004094424084889e6b80d0000",
    "000f05b8270000000f0589c74489ce488b542420b8810000000f0585c07407b8",
    "3e0000000f0548837c242800750b488b742420c706000000004883c430f041ff",
    "08c3",
  ],
  arm64: [
    "09000810ea03002aeb0301aa2c0100918dfd5f88ad0500118dfd0e88aeffff35",
    "bf3b03d5cd0340f90e0c0058b1010ecb510100b5ed0300917f010debe0000054",
    "eb030daa0e018052bf7d81a8ce050071c1ffff546a0100b9881580d2010000d4",
    "210144b9e2031f2a681080d2010000d41f0c00b1a00300542f010191ef090a8b",
    "ee0140b92e03f837e0030e2ae1030baa021080d2080880d2010000d41f0002f1",
    "a00700541f2400b1400100541f8000b1000100542f010891ef090a8bedfd5f88",
    "ad050011edfd0e88aeffff353200001410008012edfd5f88bf010e6b61000054",
    "f0fd0d888dffff35710500b5ff8300d1ff0300f9e0030a2ae1031faae2030091",
    "030180d2c81080d2010000d4adf7ff10ee0340f9bf010eeb610200540e138052",
    "4d250e9bad054091ae0140f9ef0b40b9ff011e72ce119f9aee0300f9ae0540f9",
    "ee0f00f9ae8940b9ef010612ce010f2aee0b00b9e0030a2ae1030091e2031faa",
    "010000d4ff830091881580d2010000d4ed03002ae1030a2ae2030baa481180d2",
    "010000d480000034e0030d2a281080d2010000d48dfd5f88ad0500518dfd0e88",
    "aeffff35c0035fd6681180d2010000d4",
  ],
} as const;

/** Where things are in the data, in bytes. */
export const DATA = {
  /** The data itself, from the beginning of the code on: on pages of its own, whatever their size. */
  offset: 0x1_0000,
  /** How many threads run the code. 32 bits. */
  active: 0,
  /** For each signal the descriptor that it is written to, or {@linkcode GIVEN_BACK}. 32 bits each. */
  fds: 64,
  /** For each signal how often there was no room. 32 bits each. */
  lost: 512,
  /** The thread that takes signals with this code. 32 bits. */
  owner: 1024,
  /** When that was started, which is none of the code's business. 32 bits. */
  started: 1028,
  /** For each signal what the process does about it instead: a `struct sigaction` each. */
  saved: 4096,
  size: 0x1_0000,
} as const;

/**
 * What there is instead of a descriptor. The code then sends the signal to the process again, and makes sure that it is not the
 * handler any more.
 */
export const GIVEN_BACK = -1;

/** The code for an architecture. */
export function handlerCode(arch: keyof typeof codes): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(codes[arch].join(""));
}
