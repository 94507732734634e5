import { Button, Group, Menu, Text } from "@mantine/core";
import { IconDots, IconPencil, IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { useGo } from "~/app/navigate";
import type { OneAutomation } from "~/shared/automations";
import { LinkButton } from "~/shared/link";
import { gone, Remove } from "~/shared/remove";
import { tell } from "~/shared/tell";
import { TriggerForm } from "./trigger-form";
import { useChange } from "./use-change";

type Open = "trigger" | "delete" | undefined;

export function Buttons({ automation }: { automation: OneAutomation }) {
  const [open, setOpen] = useState<Open>();
  const refusal = useRefusal("operator");
  const params = { params: { path: { automation_id: automation.id } } };
  const pause = useChange(
    () => ask(api.POST("/api/v1/automations/{automation_id}/pause", params)),
    "Paused. Its triggers fire no more; it can still be started by hand.",
  );
  const resume = useChange(() => ask(api.POST("/api/v1/automations/{automation_id}/resume", params)), "Enabled.");
  const paused = automation.status !== "active";
  const close = (): void => setOpen(undefined);
  return (
    <Group gap="xs">
      <Button
        size="xs"
        leftSection={<IconPlayerPlay size={15} aria-hidden />}
        disabled={refusal !== undefined}
        title={refusal}
        onClick={() => setOpen("trigger")}
      >
        Start now
      </Button>
      <LinkButton
        size="xs"
        variant="default"
        to={`/automations/${automation.id}/edit`}
        leftSection={<IconPencil size={15} aria-hidden />}
      >
        Edit
      </LinkButton>
      <Button
        size="xs"
        variant="default"
        disabled={refusal !== undefined}
        title={refusal}
        loading={pause.isPending || resume.isPending}
        onClick={() => (paused ? resume.mutate(undefined) : pause.mutate(undefined))}
      >
        {paused ? "Enable" : "Pause"}
      </Button>
      <More automation={automation} remove={() => setOpen("delete")} />
      {open === "trigger" && <TriggerForm automation={automation} close={close} />}
      {open === "delete" && <Delete automation={automation} close={close} />}
    </Group>
  );
}

function More({ automation, remove }: { automation: OneAutomation; remove: () => void }) {
  const refusal = useRefusal("operator");
  const go = useGo();
  return (
    <Menu position="bottom-end" width={240} shadow="md">
      <Menu.Target>
        <Button size="xs" variant="default" aria-label="More that can be done" px={8}>
          <IconDots size={16} aria-hidden />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => go("/automations/new", { copy: automation.id })}>Make another like it</Menu.Item>
        <Menu.Item disabled={refusal !== undefined} onClick={remove} color="red">
          Delete
          {refusal && (
            <Text size="xs" c="dimmed">
              {refusal}
            </Text>
          )}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Delete({ automation, close }: { automation: OneAutomation; close: () => void }) {
  const go = useGo();
  const params = { params: { path: { automation_id: automation.id } } };
  return (
    <Remove
      title="Delete this automation?"
      close={close}
      send={() => ask(api.DELETE("/api/v1/automations/{automation_id}", params))}
      done={() => {
        tell("Deleted.");
        gone("automation", "automations", "names");
        go("/automations");
      }}
    >
      <Text size="sm">It disappears from the list and its triggers fire no more. Its runs stay.</Text>
    </Remove>
  );
}
