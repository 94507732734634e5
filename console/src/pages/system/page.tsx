/** How the installation is: for administrators. Runs are counted of their own organisation only. */
import { Alert, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { Facts } from "~/shared/facts";
import { PageLink } from "~/shared/link";
import { bytes, counted, countedUpTo } from "~/shared/numbers";
import { Page } from "~/shared/page";
import { Failure, Waiting } from "~/shared/states";
import { duration, Time } from "~/shared/time";
import { Losses } from "./losses";
import { Processes } from "./processes";
import { Queues } from "./queues";
import type { System } from "./system";

export default function SystemPage() {
  const refusal = useRefusal("admin");
  const found = useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/system", { signal })),
    refetchInterval: 5_000,
    enabled: !refusal,
  });
  if (refusal) {
    return (
      <Page title="System">
        <Alert color="yellow" title={refusal}>
          Ask an administrator of your organisation.
        </Alert>
      </Page>
    );
  }
  return (
    <Page title="System">
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && !found.error && <Waiting />}
      {found.data && <Content system={found.data} />}
    </Page>
  );
}

function Content({ system }: { system: System }) {
  const { journal, database, limits } = system;
  const upTo = (value: number): string => countedUpTo(value, system.countedUpTo);
  const dead = system.queues.filter((queue) => queue.workers === 0);
  return (
    <Stack gap="lg">
      {dead.length > 0 && (
        <Alert color="orange" title={`No worker is alive for ${counted(dead.length, "kind")}`}>
          {dead.map((queue) => queue.kind).join(", ")}: runs of them wait. They are served by{" "}
          {[...new Set(dead.map((queue) => queue.service))].join(", ")}.
        </Alert>
      )}
      <Facts
        facts={[
          ["Version", system.version],
          [
            "Live runs",
            limits.maxRunning === null
              ? `${upTo(limits.live)}, no limit`
              : `${upTo(limits.live)} of ${limits.maxRunning.toLocaleString()}`,
          ],
          [
            "Held runs",
            Object.entries(limits.held)
              .map(([why, runs]) => `${upTo(runs)} for ${HELD[why] ?? why}`)
              .join(", ") || "none",
          ],
          [
            "Events not on Kafka yet",
            journal.unpublished === 0
              ? "none"
              : `${upTo(journal.unpublished)}, oldest ${duration(journal.oldestSeconds ?? 0)}`,
          ],
          ["Database", bytes(database.bytes)],
          ["Connections of the database", `${database.connections} of ${database.connectionsLimit}`],
          ["Looked at", <Time key="at" at={system.checkedAt} as="clock" />],
        ]}
      />
      <Part title="Queues" about="Runs of your organisation. Slots are used by the runs of all organisations.">
        <Queues system={system} />
      </Part>
      <Part
        title="Processes"
        about={
          system.processesTotal > system.processes.length
            ? `${system.processes.length} of ${system.processesTotal.toLocaleString()}`
            : counted(system.processesTotal, "process", "processes")
        }
      >
        <Processes processes={system.processes} />
      </Part>
      <Part
        title="Lost processes"
        about="Processes that died in the last 30 days, the newest 20. Their runs were taken back."
      >
        <Losses losses={system.losses} />
      </Part>
      {limits.connections.length > 0 && (
        <Part title="Connections with a limit" about="Live runs of each, and how many it allows.">
          <Group gap="lg">
            {limits.connections.map((each) => (
              <Text size="sm" key={each.id}>
                <PageLink to={`/connections/${each.id}`}>{each.name}</PageLink> {upTo(each.live)} of {each.maxRunning}
              </Text>
            ))}
          </Group>
        </Part>
      )}
    </Stack>
  );
}

const HELD: Record<string, string> = {
  approval: "approval",
  limit: "a limit",
  deferred: "somebody",
  scheduled: "their time",
};

function Part({ title, about, children }: { title: string; about: string; children: React.ReactNode }) {
  return (
    <Stack gap="xs" component="section">
      <Group gap="sm" align="baseline">
        <Title order={2}>{title}</Title>
        <Text size="sm" c="dimmed">
          {about}
        </Text>
      </Group>
      {children}
    </Stack>
  );
}
