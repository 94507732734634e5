import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { Page } from "~/shared/page";
import { Failure } from "~/shared/states";
import { Accounts } from "./accounts";
import { AuditLog } from "./audit";
import { Keys } from "./keys";
import { Names, SECRETS, VARIABLES } from "./names";
import { People } from "./people";
import { SettingsForm } from "./settings";
import { Spend } from "./spend";

export default function OrganisationPage() {
  const [search, change] = useAddress();
  const tab = textOf(search.tab) ?? "people";
  const found = useQuery({
    queryKey: ["organisation"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/organisation", { signal })),
    refetchOnWindowFocus: false,
  });
  return (
    <Page title={found.data?.name ?? "Organisation"}>
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      <Tabs
        value={tab}
        onChange={(value) => change({ tab: value === "people" ? undefined : (value ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="people">People</Tabs.Tab>
          <Tabs.Tab value="keys">API keys</Tabs.Tab>
          <Tabs.Tab value="accounts">Service accounts</Tabs.Tab>
          <Tabs.Tab value="variables">Variables</Tabs.Tab>
          <Tabs.Tab value="secrets">Secrets</Tabs.Tab>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
          <Tabs.Tab value="spend">Spend</Tabs.Tab>
          <Tabs.Tab value="audit">Audit log</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="people">
          <People />
        </Tabs.Panel>
        <Tabs.Panel value="keys">
          <Keys />
        </Tabs.Panel>
        <Tabs.Panel value="accounts">
          <Accounts />
        </Tabs.Panel>
        <Tabs.Panel value="variables">
          <Names sort={VARIABLES} />
        </Tabs.Panel>
        <Tabs.Panel value="secrets">
          <Names sort={SECRETS} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          {found.data && <SettingsForm key={found.data.id} organisation={found.data} />}
        </Tabs.Panel>
        <Tabs.Panel value="spend">
          <Spend />
        </Tabs.Panel>
        <Tabs.Panel value="audit">
          <AuditLog />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
