/**
 * Linux's file descriptor features for Bun: typed sources of events, straight from the kernel.
 *
 * @module bun-butter
 */
export * from "./events/index.ts";
export * from "./system/index.ts";
export * from "./watch/index.ts";
