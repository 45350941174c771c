import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

// esbuild inlines .css as text; vitest would otherwise hand back an empty module.
const cssAsText = {
  name: "css-as-text",
  enforce: "pre" as const,
  load(id: string) {
    const file = id.split("?")[0] ?? id;
    return file.endsWith(".css") ? `export default ${JSON.stringify(readFileSync(file, "utf8"))};` : null;
  },
  transform(_code: string, id: string) {
    return id.split("?")[0]?.endsWith(".css") ? { code: _code, map: null, moduleType: "js" } : null;
  },
};

export default defineConfig({
  plugins: [cssAsText],
  test: { include: ["test/**/*.test.ts"], environment: "node", testTimeout: 30_000 },
});
