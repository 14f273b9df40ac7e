/** Debian's kernels: found in the mirrors that apt has here, of whatever release, and unpacked into the cache. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A kernel, unpacked. */
export interface Kernel {
  readonly image: string;
  /** What modules are below, as `lib/modules/RELEASE`. */
  readonly root: string;
  /** As `uname -r` says it. */
  readonly release: string;
}

/** The releases whose kernels are looked through, of which a mirror may lack some. */
const RELEASES = ["bullseye", "bookworm", "trixie"];

/**
 * The newest kernel of a version.
 *
 * @param version `"6.1"`, or more of it.
 * @param cache Where it stays.
 * @throws {Error} There is none.
 */
export async function kernelOf(version: string, cache: string): Promise<Kernel> {
  const wanted = new RegExp(`^linux-image-${RegExp.escape(version)}[.+-].*(?<!cloud|rt)-amd64$`);
  const newestOf = (names: readonly string[]): string | undefined =>
    names
      .filter((name) => wanted.test(name))
      .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
      .at(-1);
  mkdirSync(cache, { recursive: true });
  const name = newestOf(readdirSync(cache)) ?? (await fetched(newestOf, version, cache));
  const root = join(cache, name);
  const [release = ""] = readdirSync(join(root, "lib/modules"));
  return { image: join(root, "boot", `vmlinuz-${release}`), root, release };
}

/** Has apt fetch one, with lists of its own, and unpacks it. */
async function fetched(
  newestOf: (names: readonly string[]) => string | undefined,
  version: string,
  cache: string,
): Promise<string> {
  const work = join(cache, "fetching");
  rmSync(work, { recursive: true, force: true });
  for (const dir of ["lists/partial", "cache/archives/partial", "root"]) {
    mkdirSync(join(work, dir), { recursive: true });
  }
  const format = "$(LABEL) $(REPO_URI)";
  const here = await Bun.$`apt-get indextargets --format ${format} "Created-By: Packages"`.text();
  const sources = new Set(here.split("\n").flatMap(sourcesOf));
  if (sources.size === 0) throw new Error("Cannot find a mirror of Debian: apt-get update first");
  await Bun.write(join(work, "sources.list"), [...sources, ""].join("\n"));
  const settings = [
    `Dir::State::Lists=${work}/lists`,
    `Dir::Cache=${work}/cache`,
    `Dir::Etc::SourceList=${work}/sources.list`,
    "Dir::Etc::SourceParts=/dev/null",
    "APT::Sandbox::User=root",
  ].flatMap((one) => ["-o", one]);
  // It fails for each release that a mirror lacks, and has the others nevertheless.
  await Bun.$`apt-get ${settings} -qq update`.quiet().nothrow();
  const names = await Bun.$`apt-cache ${settings} pkgnames linux-image-`.text();
  const name = newestOf(names.split("\n"));
  if (name === undefined) throw new Error(`Cannot find a Linux ${version} in apt's mirrors`);
  await Bun.$`cd ${work} && apt-get ${settings} -qq download ${name} && dpkg-deb -x ${name}_*.deb root`;
  const root = join(work, "root");
  // Debian's releases differ in where /lib is.
  if (!existsSync(join(root, "lib"))) renameSync(join(root, "usr/lib"), join(root, "lib"));
  const [release = ""] = readdirSync(join(root, "lib/modules"));
  await Bun.$`busybox depmod -b ${root} ${release}`;
  renameSync(root, join(cache, name));
  rmSync(work, { recursive: true });
  return name;
}

/** What a line of apt's says of a mirror that has Debian's releases, all of which it may have. */
function sourcesOf(line: string): readonly string[] {
  const [label, uri] = line.split(" ");
  const signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
  const of = (suites: readonly string[]): string[] =>
    suites.map((suite) => `deb ${signed} ${uri} ${suite} main`);
  if (label === "Debian") return of(RELEASES.flatMap((one) => [one, `${one}-backports`]));
  return label === "Debian-Security" ? of(RELEASES.map((one) => `${one}-security`)) : [];
}
