import { Button, Group, Paper, Select, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { type ConnectionDraft, ConnectionForm } from "~/shared/catalogue/connection-form";
import type { Provider } from "~/shared/catalogue/connection-schemas";
import { Failure } from "~/shared/states";
import type { Connection } from "./page";

const draftOf = (connection: Connection): ConnectionDraft => ({
  name: connection.name,
  slug: connection.slug,
  config: connection.config,
  credentials: connection.hasCredentials ? undefined : {},
  isDefault: connection.isDefault,
  maxRunning: connection.maxRunning,
});

/** Only what was changed is sent: credentials that nobody typed again stay as they are. */
export function Edit({ connection, provider }: { connection: Connection; provider: Provider }) {
  const [draft, change] = useState(() => draftOf(connection));
  const [status, setStatus] = useState(connection.status);
  const [version, setVersion] = useState(0);
  const refusal = useRefusal("admin");
  const saving = useMutation({
    mutationFn: () => {
      const { credentials, config, ...plain } = draft;
      const body = {
        ...plain,
        ...(status !== connection.status && status !== "error" ? { status } : {}),
        ...(JSON.stringify(config) === JSON.stringify(connection.config) ? {} : { config }),
        ...(credentials && Object.keys(credentials).length > 0 ? { credentials } : {}),
      };
      const params = { path: { connection_id: connection.id } };
      return ask(api.PATCH("/api/v1/connections/{connection_id}", { params, body }));
    },
    onSuccess: (changed) => {
      change(draftOf(changed));
      setStatus(changed.status);
      setVersion((before) => before + 1);
      queries.setQueryData(["connection", connection.id], changed);
      void queries.invalidateQueries({ queryKey: ["connections"] });
      void queries.invalidateQueries({ queryKey: ["names"] });
      notifications.show({ color: "teal", message: "Saved. Test it to see whether it works." });
    },
  });
  function send(event: FormEvent): void {
    event.preventDefault();
    saving.mutate();
  }
  return (
    <Paper withBorder p="lg" maw={820} component="form" onSubmit={send} noValidate autoComplete="off">
      <Stack>
        <ConnectionForm
          key={version}
          provider={provider}
          draft={draft}
          change={change}
          error={saving.error}
          kept={connection.hasCredentials}
        />
        <Select
          label="Status"
          description="Runs that need a disabled connection are refused."
          data={[
            { value: "active", label: "Active" },
            { value: "disabled", label: "Disabled" },
            ...(connection.status === "error" ? [{ value: "error", label: "Error" }] : []),
          ]}
          allowDeselect={false}
          value={status}
          onChange={(value) => setStatus((value as Connection["status"]) ?? status)}
        />
        {saving.error && <Failure error={saving.error} />}
        <Group>
          <Button type="submit" loading={saving.isPending} disabled={refusal !== undefined} title={refusal}>
            Save
          </Button>
          <Button
            variant="default"
            onClick={() => {
              change(draftOf(connection));
              setStatus(connection.status);
              setVersion((before) => before + 1);
              saving.reset();
            }}
          >
            Take back what I typed
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}
