/** Who is told of what happens, and what was sent. */
import { Tabs } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useRefusal } from "~/app/me";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { LinkButton } from "~/shared/link";
import { Page } from "~/shared/page";
import { Rules } from "./rules";
import { Sent } from "./sent";

export default function AlertsPage() {
  const [search, change] = useAddress();
  const tab = textOf(search.tab) ?? "rules";
  return (
    <Page title="Alerts" actions={<New />}>
      <Tabs
        value={tab}
        onChange={(value) => change({ tab: value === "rules" ? undefined : (value ?? undefined), rule: undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
          <Tabs.Tab value="sent">Sent</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rules">
          <Rules />
        </Tabs.Panel>
        <Tabs.Panel value="sent">
          <Sent />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function New() {
  if (useRefusal("admin")) return null;
  return (
    <LinkButton to="/alerts/new" leftSection={<IconPlus size={16} aria-hidden />}>
      New rule
    </LinkButton>
  );
}
