import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Writes a compressed form beside each file, so that the gateway compresses nothing itself. */
function packed(): Plugin {
  let folder = "";
  return {
    name: "packed",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir, config.build.assetsDir);
    },
    closeBundle() {
      for (const name of readdirSync(folder)) {
        const body = readFileSync(join(folder, name));
        if (!/\.(js|css|svg|json)$/.test(name) || body.length < 1024) continue;
        const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(body, { params: quality }));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(body, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  // Relative: the gateway says in the page where it stands (<base>), also behind a proxy with a prefix.
  base: "./",
  plugins: [react(), packed()],
  resolve: { alias: { "~": new URL("./src", import.meta.url).pathname } },
  html: { cspNonce: "VAI_NONCE" },
  build: {
    target: "es2022",
    // light-dark() stays as it is: what stands in for it knows only its own switch of colours, not Mantine's.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    license: true,
  },
});
