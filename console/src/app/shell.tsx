/** What stands around every page: navigation, who is signed in, the colour scheme, the keyboard. */
import { AppShell, Burger, Group, Kbd, Modal, NavLink, ScrollArea, Stack, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { Suspense } from "react";
import { useSessionEnded } from "~/api/session";
import { SignInForm } from "~/pages/sign-in/form";
import { Waiting } from "~/shared/states";
import icon from "./icon.svg";
import { useKeys } from "./keys";
import { useRefusal } from "./me";
import { PAGES, type Page } from "./pages";
import classes from "./shell.module.css";
import { UserMenu } from "./user-menu";

const SHOWN: readonly Page[] = PAGES.filter((page: Page) => page.nav);

/** The lines of the navigation that whoever is signed in has. */
function useShown(): readonly Page[] {
  const refused = useRefusal("admin") !== undefined;
  return SHOWN.filter((page) => !(refused && page.nav?.admin));
}

export function Shell() {
  const [open, { toggle, close }] = useDisclosure();
  const [helps, help] = useDisclosure();
  useKeys(help.open);
  return (
    <AppShell
      header={{ height: { base: 52, sm: 0 } }}
      navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: !open } }}
      padding={{ base: "sm", sm: "lg" }}
    >
      <button type="button" className={classes.skip} onClick={() => document.getElementById("content")?.focus()}>
        Skip to the content
      </button>
      <AppShell.Header hiddenFrom="sm" px="sm">
        <Group h="100%" justify="space-between">
          <Brand />
          <Burger opened={open} onClick={toggle} size="sm" aria-label={open ? "Close the menu" : "Open the menu"} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label="Main" className={classes.navbar}>
        <AppShell.Section visibleFrom="sm" px={6} pb="md" pt={4}>
          <Brand />
        </AppShell.Section>
        <AppShell.Section grow component={ScrollArea}>
          <Navigation close={close} />
        </AppShell.Section>
        <AppShell.Section>
          <UserMenu help={help.open} />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
      <SignInAgain />
      <KeysHelp opened={helps} close={help.close} />
    </AppShell>
  );
}

function Brand() {
  return (
    <Link to="/" className={classes.brand} aria-label="VAI, Home">
      <img src={icon} alt="" width={26} height={26} />
      <span>VAI</span>
    </Link>
  );
}

function Navigation({ close }: { close: () => void }) {
  const { pathname } = useLocation();
  const shown = useShown();
  return (
    <Stack gap={2}>
      {shown.map((page) => {
        const active = page.path === "/" ? pathname === "/" : `${pathname}/`.startsWith(`${page.path}/`);
        const Sign = page.nav?.icon;
        return (
          <NavLink
            key={page.path}
            renderRoot={(props) => <Link to={page.path} {...props} />}
            label={page.nav?.label}
            leftSection={Sign && <Sign size={18} stroke={1.6} aria-hidden />}
            active={active}
            aria-current={active ? "page" : undefined}
            onClick={close}
            className={classes.link}
          />
        );
      })}
    </Stack>
  );
}

/** The session ended while a page is open: sign in over it, and nothing that was typed is lost. */
function SignInAgain() {
  const ended = useSessionEnded();
  return (
    <Modal
      opened={ended}
      onClose={() => undefined}
      withCloseButton={false}
      title="Your session has ended. Sign in to go on; this page stays as it is."
    >
      <SignInForm />
    </Modal>
  );
}

function KeysHelp({ opened, close }: { opened: boolean; close: () => void }) {
  const shown = useShown();
  const rows = [...shown.map((page) => [["g", page.nav?.key ?? ""], page.nav?.label ?? ""] as const)];
  const others = [
    [["/"], "Search on this page"],
    [["j"], "Next row"],
    [["k"], "Row before"],
    [["Enter"], "Open the row"],
    [["x"], "Select the row"],
    [["?"], "These keys"],
  ] as const;
  return (
    <Modal opened={opened} onClose={close} title="Keys">
      <Table>
        <Table.Tbody>
          {[...rows, ...others].map(([keys, what]) => (
            <Table.Tr key={what}>
              <Table.Td w={110}>
                <Group gap={4}>
                  {keys.map((each) => (
                    <Kbd key={each}>{each}</Kbd>
                  ))}
                </Group>
              </Table.Td>
              <Table.Td>
                <Text size="sm">{what}</Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
