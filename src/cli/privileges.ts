/**
 * What a subcommand can't do without.
 *
 * @module
 */
import { ERRNO, PermissionError } from "../index.ts";
import { capget } from "../syscalls/index.ts";

const BITS = { CAP_DAC_READ_SEARCH: 2n, CAP_SYS_ADMIN: 21n } as const;

/** What root has, and others may be given. */
export type Capability = keyof typeof BITS;

/**
 * Checks that this process may do what it was asked for.
 *
 * @param needed The capabilities, and what each is for.
 * @throws {PermissionError} `EPERM`: one of them is missing.
 */
export function checkCapabilities(
  action: string,
  needed: readonly (readonly [name: Capability, reason: string])[],
): void {
  const { effective } = capget(0);
  const lacks = needed.filter(([name]) => (effective & (1n << BITS[name])) === 0n);
  if (lacks.length === 0) return;
  const listed = lacks.map(([name, reason]) => `${name} ${reason}`).join(", and ");
  throw new PermissionError(ERRNO.EPERM[0], {
    syscall: action,
    hint: `it needs ${listed}, which root has`,
  });
}
