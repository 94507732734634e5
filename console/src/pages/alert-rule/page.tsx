/** One alert rule: change it, test it, delete it, and what it has sent. */
import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { useGo, usePart } from "~/app/navigate";
import { lookAgain, placeOf, type Rule } from "~/shared/alerts/alerts";
import { SentAlerts } from "~/shared/alerts/sent-alerts";
import { Page } from "~/shared/page";
import { gone, Remove } from "~/shared/remove";
import { Failure, Waiting } from "~/shared/states";
import { tell } from "~/shared/tell";
import { channelBody, channelOf, type Draft, draftOf, ruleBody } from "./draft";
import { RuleForm } from "./form";
import { TestButton, TestOutcome, useTest } from "./test";

export default function RulePage() {
  const id = usePart("id");
  const found = useQuery({
    queryKey: ["alert-rules", id],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/v1/alert-rules/{rule_id}", { params: { path: { rule_id: id } }, signal })),
    refetchOnWindowFocus: false,
  });
  if (found.data) return <Content key={found.data.id} rule={found.data} />;
  return (
    <Page title="Alert rule">
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : <Waiting />}
    </Page>
  );
}

function Content({ rule }: { rule: Rule }) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(rule));
  const refusal = useRefusal("admin");
  const test = useTest(rule);
  const path = { rule_id: rule.id };
  const save = useMutation({
    mutationFn: () => {
      const body = { ...ruleBody(draft), ...(draft.channel ? { channel: channelBody(draft.channel) } : {}) };
      return ask(api.PATCH("/api/v1/alert-rules/{rule_id}", { params: { path }, body }));
    },
    onSuccess: async (changed) => {
      setDraft(draftOf(changed));
      test.send.reset();
      tell("The rule is saved.");
      await lookAgain();
    },
  });
  const change = (changes: Partial<Draft>): void => setDraft((before) => ({ ...before, ...changes }));
  return (
    <Page
      title={rule.name}
      actions={
        <>
          <TestButton rule={rule} test={test} />
          <Delete rule={rule} refusal={refusal} />
        </>
      }
    >
      <TestOutcome test={test} />
      <RuleForm
        draft={draft}
        change={change}
        kept={<Kept rule={rule} refusal={refusal} change={() => change({ channel: channelOf(rule) })} />}
        word="Save"
        busy={save.isPending}
        error={save.error}
        refusal={refusal}
        save={() => save.mutate()}
      />
      <Stack gap="xs" component="section" maw={820}>
        <Title order={2}>Sent</Title>
        <SentAlerts
          rule={rule.id}
          nothing={
            <Text size="sm" c="dimmed">
              It has sent nothing in the last 30 days.
            </Text>
          }
        />
      </Stack>
    </Page>
  );
}

function Kept({ rule, refusal, change }: { rule: Rule; refusal: string | undefined; change: () => void }) {
  const { secrets } = rule.channel;
  return (
    <Group justify="space-between">
      <div style={{ minWidth: 0 }}>
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {placeOf(rule)}
        </Text>
        {secrets.length > 0 && (
          <Text size="xs" c="dimmed">
            Set and never shown: {secrets.join(", ").replaceAll("_", " ")}
          </Text>
        )}
      </div>
      <Button variant="default" size="xs" disabled={refusal !== undefined} title={refusal} onClick={change}>
        Use another channel
      </Button>
    </Group>
  );
}

function Delete({ rule, refusal }: { rule: Rule; refusal: string | undefined }) {
  const [asks, setAsks] = useState(false);
  const go = useGo();
  return (
    <>
      <Button
        variant="default"
        color="red"
        disabled={refusal !== undefined}
        title={refusal}
        onClick={() => setAsks(true)}
      >
        Delete
      </Button>
      {asks && (
        <Remove
          title={`Delete ${rule.name}?`}
          close={() => setAsks(false)}
          send={() => ask(api.DELETE("/api/v1/alert-rules/{rule_id}", { params: { path: { rule_id: rule.id } } }))}
          done={() => {
            tell(`The rule ${rule.name} is deleted.`);
            gone("alert-rules", "alerts");
            go("/alerts");
          }}
        >
          <Text size="sm">It tells nothing any more. What it has gathered and not sent is given up.</Text>
        </Remove>
      )}
    </>
  );
}
