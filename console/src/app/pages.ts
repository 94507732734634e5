/** The pages: where each stands, and which of them the navigation shows. A new page is a row here and a folder in pages/. */
import { type Icon, IconChecks, IconHome, IconPlayerPlay } from "@tabler/icons-react";
import { lazyRouteComponent, type RouteComponent } from "@tanstack/react-router";

export type Page = {
  /** Its address; `$name` is a part that varies. */
  path: string;
  /** Its module, loaded when it is first opened. It exports the page as `default`. */
  load: () => Promise<{ default: RouteComponent }>;
  /** Its line in the navigation; a page without one is reached from others. */
  nav?: { label: string; icon: Icon; key: string };
};

/** In the order of the navigation. `key`: after `g`, this letter opens it. */
export const PAGES = [
  { path: "/", load: () => import("~/pages/home/page"), nav: { label: "Home", icon: IconHome, key: "h" } },
  { path: "/runs", load: () => import("~/pages/runs/page"), nav: { label: "Runs", icon: IconPlayerPlay, key: "r" } },
  { path: "/runs/$id", load: () => import("~/pages/run/page") },
  {
    path: "/approvals",
    load: () => import("~/pages/approvals/page"),
    nav: { label: "Approvals", icon: IconChecks, key: "a" },
  },
] as const satisfies readonly Page[];

export const pageOf = (page: Page): RouteComponent => lazyRouteComponent(page.load);
