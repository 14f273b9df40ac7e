/**
 * What goes from the server to its clients. Server-sent events have one of these as `data`; a WebSocket message is an
 * array of them. Times are milliseconds since 1970.
 */

/** Who did something. The name is missing if the process was gone before it could be read. */
export interface Doer {
  readonly pid: number;
  readonly name?: string;
}

/** Something changed in a watched tree. */
export interface Change {
  readonly type: "change";
  readonly time: number;
  readonly what: "create" | "change" | "delete" | "rename" | "attributes";
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** An index of the roots in {@linkcode Hello}. */
  readonly root: number;
  /** Below the root; `""` is the root itself. */
  readonly path: string;
  /** Of a rename: where it was. */
  readonly from?: string;
  readonly who?: Doer;
}

/** A process touched a file. */
export interface Touch {
  readonly type: "touch";
  readonly time: number;
  /** The kernel merges what happens to one file: a set. */
  readonly what: readonly string[];
  readonly root: number;
  readonly path: string;
  readonly from?: string;
  readonly who?: Doer;
}

/** The server got a signal. */
export interface Signal {
  readonly type: "signal";
  readonly time: number;
  readonly signal: string;
  readonly code: string;
  readonly uid: number;
  readonly who?: Doer;
}

/** Something that whoever looks should know: events that the kernel dropped, a directory that can't be watched. */
export interface Notice {
  readonly type: "notice";
  readonly time: number;
  readonly text: string;
}

/** How much of something is used. Without a limit there is none. */
export interface Use {
  readonly used: number;
  readonly limit?: number;
}

/** What is measured twice a second. */
export interface Sample {
  readonly type: "sample";
  readonly time: number;
  /** Percent of the time since the last sample in which some task waited. Missing where the kernel doesn't tell. */
  readonly pressure: Readonly<Partial<Record<"cpu" | "memory" | "io", number>>>;
  /** Milliseconds that the last tick of a timer came after its time: the kernel's, and JavaScript's own. */
  readonly late: { readonly timerfd: number; readonly interval: number };
  /** Open descriptors of the server. */
  readonly descriptors: Use;
  /** What `watch()` has of the kernel's watches or marks. */
  readonly watches: Use;
  /** Events that wait in the kernel's queues, estimated from their bytes. */
  readonly queues: Readonly<Partial<Record<"changes" | "touches", Use>>>;
  /** Events that the server keeps for clients that are behind. */
  readonly log: Use;
  /** All events so far, clients, and how far the slowest of them is behind. */
  readonly events: number;
  readonly clients: number;
  readonly behind: number;
  /** Events that slow clients missed so far, in total. */
  readonly dropped: number;
  /** Bytes. */
  readonly memory: number;
}

/** What is kept, has an `id`, and is told to everybody. */
export type Happening = Change | Touch | Signal | Notice | Sample;

/** The first message. */
export interface Hello {
  readonly type: "hello";
  /** Another one is another server, whose ids begin anew. */
  readonly epoch: string;
  /** Whether what follows begins where the client's last event was. */
  readonly resumed: boolean;
  readonly time: number;
  readonly host: string;
  readonly pid: number;
  readonly started: number;
  /** Absolute paths. */
  readonly roots: readonly string[];
  readonly backend: string;
  /** Why nobody can be told who touched which file. */
  readonly blind?: string;
  readonly signals: readonly string[];
  /** What was measured in the last two minutes. */
  readonly samples: readonly Sample[];
}

/** This client was too slow: that many of its oldest events are gone. */
export interface Dropped {
  readonly type: "dropped";
  readonly dropped: number;
}

/** The last message of a server that ends. */
export interface End {
  readonly type: "end";
  readonly reason: string;
}

/** What a client gets. */
export type Message = (Happening & { readonly id: number }) | Hello | Dropped | End;
