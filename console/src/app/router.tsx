import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { Problem } from "~/api/problem";
import { ROOT } from "~/api/root";
import { SignInPage } from "~/pages/sign-in/page";
import { AHEAD } from "./ahead";
import { meQuery } from "./me";
import { NotFound, PageFailed } from "./missing";
import { PAGES, type Page, pageOf } from "./pages";
import { queries } from "./queries";
import { parseSearch, type Search, stringifySearch } from "./search";
import { Shell } from "./shell";

const root = createRootRoute({ validateSearch: (search: Search): Search => search, notFoundComponent: NotFound });

const signIn = createRoute({ getParentRoute: () => root, path: "/sign-in", component: SignInPage });

/** Whoever follows an invitation has no account yet. */
const invitation = createRoute({
  getParentRoute: () => root,
  path: "/invitation",
  component: lazyRouteComponent(() => import("~/pages/invitation/page")),
});

/** Everything else: who is not signed in is led to the sign-in, and back afterwards. */
const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  component: Shell,
  beforeLoad: async ({ location }) => {
    try {
      await queries.ensureQueryData(meQuery);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        throw redirect({ to: "/sign-in", search: { next: location.href } });
      }
      throw error;
    }
  },
  errorComponent: PageFailed,
});

const pages = PAGES.map((page: Page) =>
  createRoute({
    getParentRoute: () => shell,
    path: page.path,
    component: pageOf(page),
    errorComponent: PageFailed,
    loader: ({ cause, params, location }) => {
      if (cause === "enter") AHEAD[page.path]?.((params as Record<string, string>).id ?? "", location.search as Search);
    },
  }),
);

export const router = createRouter({
  routeTree: root.addChildren([signIn, invitation, shell.addChildren(pages)]),
  basepath: ROOT || "/",
  parseSearch,
  stringifySearch,
  defaultPreload: false,
  scrollRestoration: true,
});
