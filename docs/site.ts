/** What TypeDoc is told of the site: pages, their order, links from prose to the reference, plots within the pages. */
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import {
  Application,
  Comment,
  type CommentDisplayPart,
  CommentTag,
  Converter,
  type DeclarationReflection,
  type DocumentReflection,
  IndexEvent,
  PageEvent,
  type ProjectReflection,
  ReferenceType,
  type Reflection,
  ReflectionKind,
} from "typedoc";

import { contents, guides } from "./contents.ts";
import { examples } from "./examples.ts";

const top = resolve(import.meta.dir, "..");

/** What README.md and the guides link to beside guides. */
const beside = ["CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md"];
const PROJECT = "Project";

/** Families of files whose first word is no heading. */
const families: Readonly<Record<string, string>> = {
  deadline: "event source",
  event: "event source",
  errors: "errors",
  handle: "file handles",
  libc: "memory and arguments",
  mounts: "mount",
  names: "event source",
  overlay: "mount",
  owned: "descriptors",
  pages: "pipe, pump, tee",
  pipe: "pipe, pump, tee",
  pump: "pipe, pump, tee",
  signal: "signalfd",
  spawn: "namespaces and spawn",
  namespace: "namespaces and spawn",
  tee: "pipe, pump, tee",
  unmasked: "namespaces and spawn",
};

/** Types that a declaration is made of, and whose words it shows by itself. */
const inner = [
  "src/events/fanotify-event.ts:FanotifyRaw",
  "src/events/fanotify-words.ts:groups",
  "src/events/fanotify-words.ts:words",
  "src/events/intake.ts:Batch",
  "src/events/names.ts:Name",
  "src/events/poll.ts:asked",
  "src/events/poll.ts:reported",
  "src/events/timerfd-options.ts:missedWords",
  "src/events/timerfd-time.ts:clocks",
  "src/system/memfd-options.ts:hugePages",
  "src/system/memfd-options.ts:seals",
  "src/system/spawn.ts:Readable",
  "src/system/spawn.ts:Writable",
  "src/testing/emitted.ts:WithType",
  "src/testing/matchers.ts:Verdict",
  "src/testing/tree-difference.ts:Equals",
];

/** A TypeDoc that fails on its warnings, and is told everything but where to write. */
export async function site(): Promise<Application> {
  const guidesInOrder = contents();
  const sections = [...new Set(guidesInOrder.map(({ section }) => section))];
  const app = await Application.bootstrap({
    name: "bun-butter",
    // What several have is described where it is first.
    entryPoints: [
      "src/index.ts",
      "src/testing/index.ts",
      "src/syscalls/index.ts",
      "src/watch/index.ts",
      "src/events/index.ts",
      "src/system/index.ts",
    ],
    tsconfig: join(import.meta.dir, "site/tsconfig.json"),
    basePath: top,
    // `bun check` has looked.
    skipErrorChecking: true,
    projectDocuments: [
      join(guides, "README.md"),
      ...guidesInOrder.map(({ file }) => file),
      ...beside.map((file) => join(top, file)),
    ],
    readme: join(top, "README.md"),
    headings: { readme: false, document: true },
    preservedTypeAnnotationTags: ["@throws"],
    searchInComments: true,
    searchInDocuments: true,
    searchGroupBoosts: Object.fromEntries(sections.map((section) => [section, 4])),
    sort: ["kind", "static-first", "alphabetical-ignoring-documents"],
    sortEntryPoints: false,
    categorizeByGroup: false,
    groupOrder: ["None", ...sections, "Modules", PROJECT],
    navigation: {
      includeGroups: true,
      includeCategories: true,
      includeFolders: false,
      excludeReferences: true,
      compactFolders: false,
    },
    customCss: join(import.meta.dir, "site/style.css"),
    customFooterHtml: "bun-butter, MIT",
    customFooterHtmlDisableWrapper: false,
    hideGenerator: true,
    githubPages: false,
    disableGit: true,
    disableSources: true,
    excludeExternals: true,
    excludePrivate: true,
    excludeProtected: false,
    lightHighlightTheme: "github-light",
    darkHighlightTheme: "github-dark",
    highlightLanguages: ["ts", "sh", "json", "ini", "docker", "yaml", "python", "js", "c"],
    intentionallyNotExported: inner,
    intentionallyNotDocumented: [
      "bun-butter.FdLike.__type.fileno",
      // Their comments are those of ButterMatchers.
      "bun-butter/testing.matchers.__type.toHaveEmitted",
      "bun-butter/testing.matchers.__type.toMatchTree",
    ],
    validation: {
      notExported: true,
      invalidLink: true,
      invalidPath: true,
      rewrittenLink: true,
      notDocumented: true,
      unusedMergeModuleWith: true,
    },
    // Members of structs, error maps and tables of constants have the names of the man pages.
    requiredToBeDocumented: [
      "Module",
      "Variable",
      "Function",
      "Class",
      "Interface",
      "Method",
      "Accessor",
      "TypeAlias",
    ],
    treatWarningsAsErrors: true,
  });
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => entitle(document));
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    categorize(project);
    for (const { comment } of Object.values(project.reflections))
      if (comment !== undefined) gatherErrors(project, comment);
  });
  app.renderer.on(IndexEvent.PREPARE_INDEX, index);
  app.renderer.on(PageEvent.END, (page) => finish(app, page));
  return app;
}

/** Guides have their heading as title, and the section of the contents as group. */
function entitle(document: DocumentReflection): void {
  const [first] = document.content;
  const [heading = "", title = ""] = /^\s*# (.+)\n+/.exec(first?.text ?? "") ?? [];
  if (first === undefined || title === "")
    throw new Error(`Cannot find a heading in ${document.name}`);
  const guide = contents().find(({ file }) => join(top, `${document.name}.md`) === file);
  document.name = title;
  const other = title === "Guides" ? "None" : PROJECT;
  document.frontmatter["group"] = guide?.section ?? other;
  first.text = first.text.slice(heading.length);
  if (guide?.file.endsWith("/examples.md") === true)
    document.content = [{ kind: "text", text: examples() }];
}

/** What a module exports is a category for each family of files. */
function categorize(project: ProjectReflection): void {
  const maps = errorMaps(project);
  for (const tag of project.getReflectionsByKind(ReflectionKind.Accessor))
    if (tag.name === "[toStringTag]") project.removeReflection(tag);
  for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
    for (const child of module.children ?? []) {
      const target = child.isReference() ? child.getTargetReflection() : child;
      const file = project.getSymbolIdFromReflection(target)?.packagePath ?? "";
      const [word = ""] = file.startsWith("src/watch/")
        ? ["watch"]
        : basename(file, ".ts").split("-");
      categoryOf(child, families[word] ?? word);
      // What a call's errors become is what its @throws say: the type of the table would repeat it in pages.
      if (!child.name.endsWith("_errors") || child.type === undefined) continue;
      project.removeTypeReflections(child.type);
      child.type = maps;
    }
  }
}

function errorMaps(project: ProjectReflection): ReferenceType {
  const [main] = project.getChildrenByKind(ReflectionKind.Module);
  const target = main?.children?.find(({ name }) => name === "ErrorMaps");
  if (target === undefined) throw new Error("Cannot find ErrorMaps in bun-butter");
  return ReferenceType.createResolvedReference("ErrorMaps", target, project);
}

function categoryOf(reflection: DeclarationReflection, category: string): void {
  const comment = (reflection.comment ??= new Comment());
  comment.blockTags.push(new CommentTag("@category", [{ kind: "text", text: category }]));
}

/** What a call throws is one list, each error with its class. */
function gatherErrors(project: ProjectReflection, comment: Comment): void {
  const thrown = comment.getTags("@throws");
  if (thrown.length === 0) return;
  const parts: CommentDisplayPart[] = [];
  for (const { typeAnnotation = "", content } of thrown) {
    const name = typeAnnotation.slice(1, -1);
    const target = targetOf(project, name);
    parts.push({ kind: "text", text: "- " });
    if (target !== undefined)
      parts.push({ kind: "inline-tag", tag: "@linkcode", text: name, target });
    else if (name !== "") parts.push({ kind: "code", text: `\`${name}\`` });
    if (name !== "") parts.push({ kind: "text", text: ": " });
    for (const part of content) parts.push(part);
    parts.push({ kind: "text", text: "\n" });
  }
  const at = comment.blockTags.findIndex(({ tag }) => tag === "@throws");
  comment.removeTags("@throws");
  comment.blockTags.splice(at, 0, new CommentTag("@throws", parts));
}

/** Who searches for an error code, or a word that a guide has a section about, finds the guide. */
function index({ searchResults, searchFields, searchFieldWeights }: IndexEvent): void {
  searchFieldWeights["headings"] = 20;
  for (const [at, reflection] of searchResults.entries()) {
    // A flag is shown as `FAN.RENAME`, without the type between its table and it.
    const { parent } = reflection;
    const table = parent?.name === "__type" ? parent.parent : undefined;
    if (parent !== undefined && table !== undefined) parent.getFullName = () => table.getFullName();
    if (!reflection.isDocument()) continue;
    const text = reflection.content.map((part) => part.text).join("");
    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
    (searchFields[at] ??= {})["headings"] = headings.join("\n");
  }
}

/** Words of prose that are exports lead to them; a plot takes the colours of the page. */
function finish(app: Application, page: PageEvent): void {
  if (page.contents === undefined) return;
  const { model } = page;
  if (!(model as Reflection).isDocument?.() && page.url !== "index.html") return;
  page.contents = page.contents
    .replaceAll(/(<a [^>]*>)?<code>([A-Za-z]\w*)(\(\))?<\/code>/g, (whole, anchor, name, call) => {
      const target = anchor === undefined ? targetOf(page.project, name) : undefined;
      if (target === undefined) return whole;
      const url = app.renderer.router?.relativeUrl(model, target) ?? "";
      return `<a href="${url}"><code>${name}${call ?? ""}</code></a>`;
    })
    .replaceAll(/<img src="[^"]*?([\w-]+)\.svg" alt="([^"]*)"\/?>/g, (_, name, alt) => {
      const svg = readFileSync(join(import.meta.dir, "performance", `${name}.svg`), "utf8");
      return `<figure aria-label="${alt}">${svg}</figure>`;
    });
}

function targetOf(project: ProjectReflection, name: string): DeclarationReflection | undefined {
  const [main, testing] = project.getChildrenByKind(ReflectionKind.Module);
  for (const module of [main, testing]) {
    const found = module?.children?.find((child) => child.name === name);
    if (found !== undefined && !found.isReference()) return found;
  }
  return undefined;
}
