/** The server with its sources: everything but the command line. */
import { hostname } from "node:os";

import type { Fanotify } from "bun-butter";

import { Access } from "./access.ts";
import { Hub } from "./hub.ts";
import type { Options } from "./options.ts";
import page from "./page/index.html";
import { Roots } from "./roots.ts";
import { changesOf, tellChanges } from "./sources/changes.ts";
import { Samples } from "./sources/samples.ts";
import { SHOWN } from "./sources/signals.ts";
import { tellTouches, touchesOf } from "./sources/touches.ts";
import { eventStream, type Greeting, type SocketData, webSocket } from "./streams.ts";
import type { Happening } from "./wire.ts";

/** Characters of the log, for each event that is kept. */
const TYPICAL = 512;

/** Milliseconds in which clients can take what is left at the end. */
const PATIENCE = 1000;

/** Milliseconds between looks whether they have. */
const LOOK = 5;

/** A server that runs. */
export interface Dashboard extends AsyncDisposable {
  readonly url: URL;
  readonly roots: Roots;
  /** Why nobody is told who touches which file. */
  readonly blind: string | undefined;
  readonly token: string | undefined;
  publish(event: Happening): void;
  /** Lets every client have what is left, and an end. */
  end(reason: string): Promise<void>;
}

/** @throws {Error} What is wrong, in words for who started it. */
export async function dashboard(options: Options): Promise<Dashboard> {
  const started = Date.now();
  const roots = new Roots(options.dirs);
  using stack = new DisposableStack();
  const watcher = stack.use(changesOf(roots));
  const touches = options.touches ? touchesOf(roots) : "it was started with --no-touches";
  const fanotify: Fanotify | undefined =
    typeof touches === "string" ? undefined : stack.use(touches);
  const blind = typeof touches === "string" ? touches : undefined;
  const hub = new Hub({ events: options.keep, size: options.keep * TYPICAL });
  const samples = stack.use(new Samples(hub, watcher, fanotify, options.keep));
  const greeting: Greeting = (resumed) => ({
    type: "hello",
    epoch: hub.epoch,
    resumed,
    time: Date.now(),
    host: hostname(),
    pid: process.pid,
    started,
    roots: roots.paths,
    backend: watcher.watched.backend,
    ...(blind !== undefined && { blind }),
    signals: SHOWN,
    samples: samples.kept,
  });
  const server = listen(options, new Access(options.token), roots, hub, greeting);
  const publish = (event: Happening): void => hub.publish(event);
  const sources = [
    tellChanges(watcher, roots, publish),
    samples.run(),
    ...(fanotify ? [tellTouches(fanotify, roots, publish)] : []),
  ].map(async (source) => {
    try {
      await source;
    } catch (error) {
      // The others go on.
      const text = `A source has ended: ${error instanceof Error ? error.message : String(error)}`;
      publish({ type: "notice", time: Date.now(), text });
    }
  });
  const open = stack.move();
  const end = async (reason: string): Promise<void> => {
    open.dispose();
    await Promise.all(sources);
    hub.end(reason);
    await left(server);
  };
  return {
    url: server.url,
    roots,
    blind,
    token: options.token,
    publish,
    end,
    [Symbol.asyncDispose]: () => end("the server ends"),
  };
}

/** Lets what was answered leave for the network. One that does not read can't be told. */
async function left(server: Bun.Server<SocketData>): Promise<void> {
  // Nobody comes any more. It does not wait for streams.
  void server.stop();
  const giveUp = performance.now() + PATIENCE;
  while (server.pendingRequests + server.pendingWebSockets > 0) {
    if (performance.now() > giveUp) return await server.stop(true);
    await Bun.sleep(LOOK);
  }
}

function listen(
  { host, port }: Options,
  access: Access,
  roots: Roots,
  hub: Hub,
  greeting: Greeting,
): Bun.Server<SocketData> {
  /** Answers those that may ask. */
  const guarded =
    (answer: (request: Request, url: URL) => Response | undefined) =>
    (request: Request): Response | undefined => {
      const refusal = access.refusal(request);
      if (refusal !== undefined) return new Response(refusal.text, { status: refusal.status });
      return answer(request, new URL(request.url));
    };
  try {
    const server: Bun.Server<SocketData> = Bun.serve<SocketData>({
      hostname: host,
      port,
      // The page as it is for users: bundled once.
      development: false,
      // Which is then on by default: two servers would share the port, and its clients.
      reusePort: false,
      maxRequestBodySize: 4096,
      routes: {
        "/": page,
        "/events": {
          GET: guarded((request, url) => {
            // There may be no event for hours.
            server.timeout(request, 0);
            const last = request.headers.get("last-event-id") ?? url.searchParams.get("last");
            return eventStream(hub, greeting, last ?? undefined);
          }),
        },
        "/file": {
          GET: guarded((_request, { searchParams }) => {
            const root = searchParams.get("root") ?? "";
            const path = searchParams.get("path") ?? "";
            const details = /^\d+$/.test(root)
              ? roots.look({ root: Number(root), path })
              : undefined;
            if (details !== undefined) return Response.json(details);
            return new Response("There is no such file in a watched directory\n", { status: 404 });
          }),
        },
        "/session": {
          GET: guarded(() => new Response(null, { status: 204 })),
          async POST(request: Request) {
            const token = (await request.text()).trim();
            if (!access.admits(token)) return new Response("The token is wrong\n", { status: 401 });
            return new Response(null, {
              status: 204,
              headers: { "set-cookie": access.cookie(request) },
            });
          },
        },
        "/socket": guarded((request, url) => {
          const data = { last: url.searchParams.get("last") ?? undefined };
          if (server.upgrade(request, { data })) return undefined;
          return new Response("This is for WebSockets\n", {
            status: 426,
            headers: { upgrade: "websocket" },
          });
        }),
      },
      fetch: () => new Response("There is nothing here\n", { status: 404 }),
      websocket: webSocket(hub, greeting),
    });
    return server;
  } catch (error) {
    throw new Error(whyNot(error as NodeJS.ErrnoException, host, port), { cause: error });
  }
}

function whyNot({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  const where = `cannot listen on ${host}, port ${port}`;
  if (code === "EADDRINUSE")
    return `${where}: something else does, --port takes another one, or 0 for any`;
  if (code === "EADDRNOTAVAIL" || code === "EINVAL")
    return `${where}: this machine has no such address`;
  if (code === "EACCES") return `${where}: ports below 1024 take CAP_NET_BIND_SERVICE`;
  return `${where}: ${message}`;
}
