import { Anchor, Button, Group, Modal, Stack, TagsInput } from "@mantine/core";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import { useRefusal } from "~/app/me";
import type { OneAutomation } from "~/shared/automations";
import { PageLink } from "~/shared/link";
import { useChange } from "./use-change";

/** The labels of an automation, and a small form that changes them. */
export function Labels({ automation, tag }: { automation: OneAutomation; tag: string }) {
  const [open, setOpen] = useState(false);
  const refusal = useRefusal("operator");
  const labels = Object.entries(automation.labels);
  return (
    <>
      {labels.map(([key, value]) => (
        <PageLink key={key} to="/automations" search={{ label: `${key}=${value}` }} mr={8}>
          {key}={value}
        </PageLink>
      ))}
      <Anchor
        component="button"
        type="button"
        size="sm"
        disabled={refusal !== undefined}
        title={refusal}
        onClick={() => setOpen(true)}
      >
        {labels.length ? "Change" : "Add a label"}
      </Anchor>
      {open && <Form automation={automation} tag={tag} close={() => setOpen(false)} />}
    </>
  );
}

function Form({ automation, tag, close }: { automation: OneAutomation; tag: string; close: () => void }) {
  const [texts, setTexts] = useState(Object.entries(automation.labels).map(([key, value]) => `${key}=${value}`));
  // The mark of what the form began with: somebody else's change in between is not written over.
  const [read] = useState(tag);
  const wrong = texts.find((text) => !text.includes("="));
  const save = useChange(
    (labels: Record<string, string>) =>
      ask(
        api.PATCH("/api/v1/automations/{automation_id}", {
          params: { path: { automation_id: automation.id }, header: { "If-Match": read } },
          body: { labels },
        }),
      ),
    "Labels saved. Runs from now on have them.",
    close,
  );
  const labels = Object.fromEntries(
    texts
      .filter((text) => text.includes("="))
      .map((text) => [text.split("=")[0] as string, text.slice(text.indexOf("=") + 1)]),
  );
  return (
    <Modal opened onClose={close} title="Labels">
      <Stack>
        <TagsInput
          label="Labels"
          description="Each as name=value, with Enter after it. Its runs and those of its steps have them, too."
          data-autofocus
          value={texts}
          onChange={setTexts}
          error={wrong ? `${wrong}: write it as name=value` : save.error ? messageOf(save.error) : undefined}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button disabled={wrong !== undefined} loading={save.isPending} onClick={() => save.mutate(labels)}>
            Save
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
