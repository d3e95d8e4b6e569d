import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const dashboard = process.env["NIXFLEET_DEV_DASHBOARD"] ?? "http://127.0.0.1:8420";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    // The first versions that know light-dark(), so that the tokens stay one list in what is shipped.
    target: ["chrome123", "edge123", "firefox125", "safari17.5"],
    // The content security policy allows no data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  server: {
    proxy: {
      "/api": dashboard,
      "/live": { target: dashboard, ws: true },
    },
  },
});
