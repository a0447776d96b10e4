/** The manifest. Which sites the extension works on is read from their adapters; nothing more is asked for than what is used. */

import { SITES } from "./adapter";

const ICONS = Object.fromEntries([16, 32, 48, 128].map((size) => [String(size), `icons/${size}.png`]));

export function manifestOf(version: string): object {
  return {
    manifest_version: 3,
    name: "Emendo",
    version,
    description: "Checks the answers of chat pages against evidence, by your own Emendo server.",
    minimum_chrome_version: "123",
    icons: ICONS,
    action: { default_popup: "src/popup/popup.html", default_icon: ICONS, default_title: "Emendo" },
    options_ui: { page: "src/options/options.html", open_in_tab: true },
    background: { service_worker: "worker.js", type: "module" },
    permissions: ["storage", "scripting"],
    // The server. Requests come from the service worker, so that no page's policy stands in the way.
    host_permissions: ["http://127.0.0.1/*", "http://localhost/*"],
    // Asked for one by one, when a user adds a site.
    optional_host_permissions: ["https://*/*", "http://*/*"],
    content_scripts: [
      {
        matches: SITES.flatMap((site) => site.hosts.map((host) => `https://${host}/*`)),
        js: ["page.js"],
        css: ["highlights.css"],
        run_at: "document_idle",
      },
    ],
  };
}
