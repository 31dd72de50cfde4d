// Bundle each page into one HTML file that needs nothing else: `node build.mjs FOLDER`. The same sources give the same bytes.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const PAGES = { player: "Steadface player", gallery: "Steadface" };

const folder = process.argv[2];
const licence = (await readFile("node_modules/preact/LICENSE", "utf8")).trim();
await mkdir(folder, { recursive: true });

for (const [name, title] of Object.entries(PAGES)) {
  const { outputFiles } = await build({
    entryPoints: [`src/${name}.tsx`],
    outdir: "out", // where its files would go; they are only read from memory
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: ["chrome123", "firefox120", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  const written = (suffix) => outputFiles.find((file) => file.path.endsWith(suffix)).text.trim();
  await writeFile(join(folder, `${name}.html`), page(title, written(".css"), written(".js")));
}

function page(title, style, script) {
  if (/<\/(script|style)/i.test(script + style)) throw new Error("the bundle would end its own element");
  return `<!doctype html>
<!-- Built from frontend/; change it there. It contains Preact:

${licence}
-->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<div id="page"></div>
<script>${script}</script>
</body>
</html>
`;
}
