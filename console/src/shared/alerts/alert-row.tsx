/** One message of a rule: what it tells, what became of it, and why it did not arrive. */
import { Button, Group, List, Paper, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { PageLink } from "~/shared/link";
import { StatusBadge } from "~/shared/status";
import { tell, tellRefused } from "~/shared/tell";
import { Time } from "~/shared/time";
import { lookAgain, type Sent, tellingOf, toldName } from "./alerts";

export function AlertRow({ alert }: { alert: Sent }) {
  const [open, { toggle }] = useDisclosure();
  const items = alert.items.length > 0;
  return (
    <Paper withBorder px="md" py="xs" component="article" aria-label={`${alert.rule}: ${tellingOf(alert)}`}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 240px" }}>
          <Group gap="xs">
            <PageLink to={`/alerts/${alert.ruleId}`} fw={600} size="sm" style={{ overflowWrap: "anywhere" }}>
              {alert.rule}
            </PageLink>
            <StatusBadge status={alert.status} />
          </Group>
          <Text size="xs" c="dimmed" component="div">
            {tellingOf(alert)} · <Time at={alert.sentAt ?? alert.createdAt} />
            {alert.dueAt && alert.status !== "sending" && (
              <>
                {" · goes out "}
                <Time at={alert.dueAt} />
              </>
            )}
            {alert.attempts > 1 && ` · ${alert.attempts} attempts`}
          </Text>
          <Why alert={alert} />
        </div>
        <Group gap="xs">
          {items && (
            <Button size="xs" variant="default" onClick={toggle} aria-expanded={open}>
              {open ? "Hide" : "What it tells"}
            </Button>
          )}
          {alert.status === "given_up" && <SendAgain alert={alert} />}
        </Group>
      </Group>
      {open && <Items alert={alert} />}
    </Paper>
  );
}

function Why({ alert }: { alert: Sent }) {
  const message = alert.error?.message;
  if (typeof message !== "string") return null;
  return (
    <Text size="sm" c={alert.status === "sent" ? undefined : "red"} style={{ overflowWrap: "anywhere" }}>
      {message}
    </Text>
  );
}

function SendAgain({ alert }: { alert: Sent }) {
  const refusal = useRefusal("operator");
  const again = useMutation({
    mutationFn: () =>
      ask(api.POST("/api/v1/alerts/{alert_id}/send-again", { params: { path: { alert_id: alert.id } } })),
    onSuccess: () => tell("The alert is sent again."),
    onError: tellRefused,
    onSettled: lookAgain,
  });
  return (
    <Button
      size="xs"
      variant="default"
      loading={again.isPending}
      disabled={refusal !== undefined}
      title={refusal}
      onClick={() => again.mutate()}
    >
      Send again
    </Button>
  );
}

function Items({ alert }: { alert: Sent }) {
  const told = Object.values(alert.counts).reduce((sum, number) => sum + number, 0);
  return (
    <>
      <List size="sm" mt="xs" spacing={4} style={{ overflowWrap: "anywhere" }}>
        {alert.items.map((item, place) => (
          <List.Item key={place}>
            {toldName(item.what)}: <Item item={item} />{" "}
            <Text span inherit c="dimmed">
              <Time at={item.occurredAt} as="day" />
            </Text>
            {item.text && (
              <Text size="xs" c="dimmed">
                {item.text}
              </Text>
            )}
          </List.Item>
        ))}
      </List>
      {told > alert.items.length && (
        <Text size="xs" c="dimmed" mt={4}>
          and {(told - alert.items.length).toLocaleString()} more
        </Text>
      )}
    </>
  );
}

function Item({ item }: { item: Sent["items"][number] }) {
  if (item.runId) return <PageLink to={`/runs/${item.runId}`}>{item.name}</PageLink>;
  if (item.automationRunId) return <PageLink to={`/automation-runs/${item.automationRunId}`}>{item.name}</PageLink>;
  if (item.automationId) return <PageLink to={`/automations/${item.automationId}`}>{item.name}</PageLink>;
  return <>{item.name}</>;
}
