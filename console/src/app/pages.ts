/** The pages: where each stands, and which of them the navigation shows. A new page is a row here and a folder in pages/. */
import {
  type Icon,
  IconActivity,
  IconBell,
  IconBolt,
  IconBuilding,
  IconChecks,
  IconDatabase,
  IconFileSearch,
  IconHome,
  IconLayoutDashboard,
  IconMessages,
  IconPlayerPlay,
  IconPlug,
  IconRobot,
  IconSitemap,
  IconTable,
  IconTerminal2,
} from "@tabler/icons-react";
import { lazyRouteComponent, type RouteComponent } from "@tanstack/react-router";
import * as home from "~/pages/home/page";

export type Page = {
  /** Its address; `$name` is a part that varies. */
  path: string;
  /** Its module, loaded when it is first opened. It exports the page as `default`. */
  load: () => Promise<{ default: RouteComponent }>;
  /** Its line in the navigation; a page without one is reached from others. */
  nav?: { label: string; icon: Icon; key: string; admin?: boolean };
};

/** In the order of the navigation. `key`: after `g`, this letter opens it. `admin`: only administrators see its line. */
export const PAGES = [
  // Where everybody begins: it comes with the console itself.
  { path: "/", load: () => Promise.resolve(home), nav: { label: "Home", icon: IconHome, key: "h" } },
  { path: "/runs", load: () => import("~/pages/runs/page"), nav: { label: "Runs", icon: IconPlayerPlay, key: "r" } },
  { path: "/runs/$id", load: () => import("~/pages/run/page") },
  { path: "/logs", load: () => import("~/pages/logs/page"), nav: { label: "Logs", icon: IconFileSearch, key: "e" } },
  {
    path: "/automations",
    load: () => import("~/pages/automations/page"),
    nav: { label: "Automations", icon: IconSitemap, key: "m" },
  },
  { path: "/automations/new", load: () => import("~/pages/automation-editor/page") },
  { path: "/automations/$id", load: () => import("~/pages/automation/page") },
  { path: "/automations/$id/edit", load: () => import("~/pages/automation-editor/page") },
  { path: "/automation-runs/$id", load: () => import("~/pages/automation-run/page") },
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
  { path: "/chat", load: () => import("~/pages/threads/page"), nav: { label: "Chat", icon: IconMessages, key: "t" } },
  { path: "/chat/$id", load: () => import("~/pages/thread/page") },
  { path: "/chat/$id/crystallize", load: () => import("~/pages/crystallize/page") },
  { path: "/agents", load: () => import("~/pages/agents/page"), nav: { label: "Agents", icon: IconRobot, key: "b" } },
  { path: "/agents/new", load: () => import("~/pages/agent/new") },
  { path: "/agents/$id", load: () => import("~/pages/agent/page") },
  { path: "/agents/runs/$run/crystallize", load: () => import("~/pages/crystallize/page") },
  {
    path: "/boards",
    load: () => import("~/pages/boards/page"),
    nav: { label: "Flashboards", icon: IconLayoutDashboard, key: "f" },
  },
  { path: "/boards/$slug", load: () => import("~/pages/board/page") },
  { path: "/alerts", load: () => import("~/pages/alerts/page"), nav: { label: "Alerts", icon: IconBell, key: "l" } },
  { path: "/alerts/new", load: () => import("~/pages/alert-rule/new") },
  { path: "/alerts/$id", load: () => import("~/pages/alert-rule/page") },
  {
    path: "/organisation",
    load: () => import("~/pages/organisation/page"),
    nav: { label: "Organisation", icon: IconBuilding, key: "o" },
  },
  {
    path: "/system",
    load: () => import("~/pages/system/page"),
    nav: { label: "System", icon: IconActivity, key: "y", admin: true },
  },
] as const satisfies readonly Page[];

/** Loads the files of the pages that are opened most often, while nobody waits. */
export function warm(): void {
  for (const page of PAGES) if (page.path.startsWith("/runs")) page.load().catch(() => undefined);
}

export const pageOf = (page: Page): RouteComponent => lazyRouteComponent(page.load);
