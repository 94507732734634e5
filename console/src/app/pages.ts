/** The pages: where each stands, and which of them the navigation shows. A new page is a row here and a folder in pages/. */
import {
  type Icon,
  IconBolt,
  IconChecks,
  IconDatabase,
  IconHome,
  IconPlayerPlay,
  IconPlug,
  IconTable,
  IconTerminal2,
} from "@tabler/icons-react";
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
  { path: "/actions", load: () => import("~/pages/actions/page"), nav: { label: "Actions", icon: IconBolt, key: "c" } },
  { path: "/actions/new", load: () => import("~/pages/action-new/page") },
  { path: "/actions/$id", load: () => import("~/pages/action/page") },
  {
    path: "/connections",
    load: () => import("~/pages/connections/page"),
    nav: { label: "Connections", icon: IconPlug, key: "n" },
  },
  { path: "/connections/new", load: () => import("~/pages/connection-new/page") },
  { path: "/connections/$id", load: () => import("~/pages/connection/page") },
  {
    path: "/sources",
    load: () => import("~/pages/sources/page"),
    nav: { label: "Sources", icon: IconDatabase, key: "s" },
  },
  { path: "/sources/$name", load: () => import("~/pages/source/page") },
  {
    path: "/datasets",
    load: () => import("~/pages/datasets/page"),
    nav: { label: "Datasets", icon: IconTable, key: "d" },
  },
  { path: "/datasets/$id", load: () => import("~/pages/dataset/page") },
  { path: "/query", load: () => import("~/pages/query/page"), nav: { label: "Query", icon: IconTerminal2, key: "q" } },
] as const satisfies readonly Page[];

export const pageOf = (page: Page): RouteComponent => lazyRouteComponent(page.load);
