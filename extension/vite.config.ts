/** Two builds into one folder: worker, popup and options as modules, and the script of pages in one file, since those take no modules. */

import { readFileSync } from "node:fs";
import { type Plugin, runnerImport } from "vite";
import { defineConfig } from "vitest/config";
import { icon } from "./icons.ts";

/** Writes the manifest and the icons. */
function manifest(): Plugin {
  return {
    name: "manifest",
    async generateBundle() {
      const { module } = await runnerImport<typeof import("./src/manifest")>("./src/manifest.ts");
      const version = /__version__ = "([\d.]+)"/.exec(readFileSync("../src/emendo/__init__.py", "utf-8"))?.[1];
      if (!version) throw new Error("src/emendo/__init__.py names no version of numbers and points.");
      this.emitFile({ type: "asset", fileName: "manifest.json", source: JSON.stringify(module.manifestOf(version), null, 2) });
      for (const size of [16, 32, 48, 128]) this.emitFile({ type: "asset", fileName: `icons/${size}.png`, source: icon(size) });
    },
  };
}

const target = "chrome123";
const entryFileNames = "[name].js";

export default defineConfig(({ mode }) => ({
  base: "./",
  // Colours and the reading of streams are those of the page.
  server: { fs: { allow: [".."] } },
  test: { include: ["src/**/*.test.ts"] },
  ...(mode === "page"
    ? {
        publicDir: false as const,
        build: {
          target,
          emptyOutDir: false,
          rolldownOptions: { input: { page: "src/page/main.ts" }, output: { format: "iife" as const, entryFileNames } },
        },
      }
    : {
        plugins: [manifest()],
        build: {
          target,
          modulePreload: { polyfill: false },
          rolldownOptions: {
            input: { worker: "src/worker/main.ts", popup: "src/popup/popup.html", options: "src/options/options.html" },
            output: { entryFileNames },
          },
        },
      }),
}));
