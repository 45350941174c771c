// Bundles every widget into one self-contained ES module: ../interp_nb/static/<name>.js
// Run: npm run build (once) or npm run watch (rebuild on change).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { context, build as esbuild, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, "..", "interp_nb", "static");
const KB = 1000;
const LIMITS = { own: 60 * KB, bundle: 120 * KB };
// The dashboard is several views in one: list, latent, heat map, interventions, comparison, map.
const WIDER = {
  "feature_dashboard.js": { own: 100 * KB, bundle: 250 * KB },
  // A report is several too: numbers, histograms, concepts, contexts, the front, the law.
  "sae_report.js": { own: 100 * KB, bundle: 190 * KB },
  "steering_playground.js": { own: 60 * KB, bundle: 250 * KB },
};

/** Style sheets become strings, without the white space that nobody reads there. */
const cssAsText = {
  name: "css-as-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const options = {
  entryPoints: readdirSync(join(here, "src"))
    .map((name) => ({ in: join(here, "src", name, "widget.ts"), out: name }))
    .filter((entry) => existsSync(entry.in)),
  outdir,
  absWorkingDir: here,
  bundle: true,
  write: false,
  format: "esm",
  target: ["es2022"],
  platform: "browser",
  charset: "utf8",
  minify: false,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  define: { __INTERP_NB_VERSION__: JSON.stringify(packageVersion()), "process.env.NODE_ENV": '"production"' },
};

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

/** sha256 over path, NUL, bytes, NUL of every source file, paths sorted: tests recompute it without Node. */
function sourceHash() {
  const files = [...filesUnder(join(here, "src")), join(here, "build.mjs"), join(here, "package-lock.json")];
  const named = files.map((path) => [relative(here, path).split(sep).join("/"), path]);
  const hash = createHash("sha256");
  for (const [name, path] of named.sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0`).update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}

function packageVersion() {
  const init = join(here, "..", "interp_nb", "__init__.py");
  const match = /^__version__(?:\s*:\s*\w+)?\s*=\s*["']([^"']+)["']/m.exec(
    existsSync(init) ? readFileSync(init, "utf8") : "",
  );
  if (!match) throw new Error('interp_nb/__init__.py must hold a line like __version__ = "0.1.0"');
  return match[1];
}

/**
 * Sizes against the limits. The bundle counts as shipped; own code counts minified, so that the limit is about how
 * much code there is and not about indentation.
 */
async function printSizes(outputFiles) {
  const lean = await esbuild({ ...options, minify: true, plugins: [cssAsText] });
  let tooBig = false;
  for (const [path, out] of Object.entries(lean.metafile.outputs)) {
    const name = basename(path);
    const shipped = outputFiles.find((file) => basename(file.path) === name)?.contents.length ?? 0;
    let own = 0;
    for (const [input, { bytesInOutput }] of Object.entries(out.inputs)) {
      if (!input.includes("node_modules")) own += bytesInOutput;
    }
    const limits = WIDER[name] ?? LIMITS;
    const over = own > limits.own || shipped > limits.bundle;
    tooBig ||= over;
    const kb = (bytes) => `${(bytes / KB).toFixed(1)} kB`;
    const of = `own ${kb(own)} of ${limits.own / KB} (minified), bundle ${kb(shipped)} of ${limits.bundle / KB}`;
    console.log(`${name}: ${of}${over ? "  TOO BIG" : ""}`);
  }
  return tooBig;
}

/** Written here and not by esbuild, so that a watch session stamps every rebuild with a fresh hash. */
const stampAndWrite = {
  name: "stamp-and-write",
  setup(build) {
    build.onEnd(async (result) => {
      if (!result.outputFiles) return;
      const stamp = `/* generated from widgets/, sha256 ${sourceHash()}, interp_nb ${packageVersion()} */\n`;
      for (const file of result.outputFiles) writeFileSync(file.path, stamp + file.text);
      if (await printSizes(result.outputFiles)) process.exitCode = 1;
    });
  },
};

mkdirSync(outdir, { recursive: true });
const build = await context({ ...options, plugins: [cssAsText, stampAndWrite] });
if (process.argv.includes("--watch")) await build.watch();
else {
  await build.rebuild();
  await build.dispose();
}
