import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: {
    outDir: "../src/emendo/serve/static",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0, // a data: address would need a looser content security policy
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000", "/v1": "http://127.0.0.1:8000" } },
  test: { include: ["src/**/*.test.ts"] },
});
