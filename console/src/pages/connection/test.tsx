import { Alert, Button, Group, Text } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { Failure } from "~/shared/states";
import { duration } from "~/shared/time";
import type { Connection } from "./page";

const CHECKED = { address: "the address answers", credentials: "the credentials are accepted" } as const;

/** One look at the connection's address, and what came of it; before that, what went wrong last. */
export function Test({ connection }: { connection: Connection }) {
  const refusal = useRefusal("operator");
  const test = useMutation({
    mutationFn: () =>
      ask(api.POST("/api/v1/connections/{connection_id}/test", { params: { path: { connection_id: connection.id } } })),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["connection", connection.id] });
      void queries.invalidateQueries({ queryKey: ["connections"] });
    },
  });
  const last = connection.lastError;
  return (
    <>
      <Group gap="sm">
        <Button
          size="xs"
          variant="default"
          loading={test.isPending}
          disabled={refusal !== undefined}
          title={refusal}
          onClick={() => test.mutate()}
        >
          Test the connection
        </Button>
      </Group>
      <div aria-live="polite">
        {test.error && <Failure error={test.error} />}
        {test.data && <Outcome {...test.data} />}
        {!test.data && last && (
          <Alert color="red" icon={<IconX aria-hidden />} title={String(last.message ?? "The last use failed.")}>
            <Text size="xs" c="dimmed">
              The last use or test ended so: {String(last.code ?? "")}
            </Text>
          </Alert>
        )}
      </div>
    </>
  );
}

type OutcomeProps = { ok: boolean; message: string; checked: ("address" | "credentials")[]; durationSeconds: number };

function Outcome({ ok, message, checked, durationSeconds }: OutcomeProps) {
  const Sign = ok ? IconCheck : IconX;
  return (
    <Alert
      color={ok ? "teal" : "red"}
      icon={<Sign aria-hidden />}
      title={`${ok ? "It works" : "It does not work"}: ${message}`}
    >
      <Text size="sm">
        {checked.length > 0 && `Found out: ${checked.map((each) => CHECKED[each]).join(", ")}. `}
        {ok &&
          checked.length === 1 &&
          checked[0] === "address" &&
          "Whether the credentials are accepted, a run will tell. "}
        It took {duration(durationSeconds)}.
      </Text>
    </Alert>
  );
}
