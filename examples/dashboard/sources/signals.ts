/** Signals, with who sent them: `Signalfd`. */
import type { SignalfdEvent, SignalName } from "bun-butter";

import type { Happening } from "../wire.ts";
import type { Names } from "./names.ts";

/** Those that end the server. */
export const ENDING: readonly SignalName[] = ["SIGTERM", "SIGINT"];

/** Those that are shown, and do nothing. */
export const SHOWN: readonly SignalName[] = ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGWINCH"];

export function signalOf({ signal, code, pid, uid }: SignalfdEvent, names: Names): Happening {
  names.renew();
  const who = names.of(pid);
  return { type: "signal", time: Date.now(), signal, code, uid, ...(who && { who }) };
}
