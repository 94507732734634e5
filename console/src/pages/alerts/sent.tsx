import { Group, Select, Stack } from "@mantine/core";
import { IconBell } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { rulesQuery } from "~/shared/alerts/alerts";
import { SentAlerts } from "~/shared/alerts/sent-alerts";
import { Empty } from "~/shared/states";

const STATUSES = [
  { value: "gathering", label: "gathering" },
  { value: "waiting", label: "waiting" },
  { value: "sending", label: "sending" },
  { value: "sent", label: "sent" },
  { value: "given_up", label: "given up" },
];

export function Sent() {
  const [search, change] = useAddress();
  const rules = useQuery(rulesQuery).data?.alertRules ?? [];
  const [rule, status] = [textOf(search.rule), textOf(search.status)];
  return (
    <Stack>
      <Group gap="xs">
        <Select
          aria-label="Rule"
          placeholder="Any rule"
          size="xs"
          clearable
          searchable
          clearButtonProps={{ "aria-label": "Any rule" }}
          data={rules.map((each) => ({ value: each.id, label: each.name }))}
          value={rule ?? null}
          onChange={(value) => change({ rule: value ?? undefined })}
        />
        <Select
          aria-label="Status"
          placeholder="Any status"
          size="xs"
          clearable
          clearButtonProps={{ "aria-label": "Any status" }}
          data={STATUSES}
          value={status ?? null}
          onChange={(value) => change({ status: value ?? undefined })}
        />
      </Group>
      <SentAlerts
        rule={rule}
        status={status}
        nothing={
          <Empty icon={IconBell} title={rule || status ? "No alert matches" : "No alert was sent yet"}>
            Messages of the last 30 days stand here, also those that did not arrive.
          </Empty>
        }
      />
    </Stack>
  );
}
