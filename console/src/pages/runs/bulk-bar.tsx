import { Button, Checkbox, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import type { BulkOperation, ListedRun, RunQuery } from "~/api/types";
import { useRefusal } from "~/app/me";
import { REFUSALS, useBulk, wordOf } from "~/shared/decide";

const OPERATIONS = ["cancel", "retry", "approve", "reject"] as const satisfies BulkOperation[];

type Props = { selected: Set<string>; runs: ListedRun[]; query: RunQuery; total: number; clear: () => void };

/** What can be decided about the selected runs, or about all that the filters show. */
export function BulkBar({ selected, runs, query, total, clear }: Props) {
  const [asked, setAsked] = useState<BulkOperation>();
  const refusal = useRefusal("operator");
  const chosen = runs.filter((run) => selected.has(run.id));
  return (
    <Group gap="xs">
      <Text size="sm" fw={600}>
        {selected.size} selected
      </Text>
      {OPERATIONS.map((operation) => {
        const fit = chosen.filter((run) => !REFUSALS[operation](run)).length;
        const why =
          refusal ??
          (fit ? undefined : `None of the selected runs: ${chosen[0] ? REFUSALS[operation](chosen[0]) : ""}`);
        return (
          <Button
            key={operation}
            size="xs"
            variant="light"
            disabled={why !== undefined}
            title={why}
            onClick={() => setAsked(operation)}
          >
            {wordOf(operation)}
          </Button>
        );
      })}
      <Button size="xs" variant="subtle" onClick={clear}>
        Clear selection
      </Button>
      {asked && (
        <Confirm
          operation={asked}
          ids={[...selected]}
          query={query}
          total={total}
          close={(done) => {
            setAsked(undefined);
            if (done) clear();
          }}
        />
      )}
    </Group>
  );
}

type ConfirmProps = {
  operation: BulkOperation;
  ids: string[];
  query: RunQuery;
  total: number;
  close: (done: boolean) => void;
};

function Confirm({ operation, ids, query, total, close }: ConfirmProps) {
  const [all, setAll] = useState(false);
  const [reason, setReason] = useState("");
  const bulk = useBulk(() => close(true));
  const filtered = Object.keys(query).some((name) => name !== "order");
  const send = (): void =>
    bulk.mutate(all ? { operation, filters: query, reason } : { operation, runIds: ids, reason });
  return (
    <Modal opened onClose={() => close(false)} title={`${wordOf(operation)} ${all ? "all that match" : ids.length}?`}>
      <Stack>
        <Text size="sm">Runs in whose state it is not possible stay as they are.</Text>
        {filtered && total > ids.length && (
          <Checkbox
            label={`All ${total} that the filters show, and not only the ${ids.length} selected`}
            checked={all}
            onChange={(event) => setAll(event.currentTarget.checked)}
          />
        )}
        {operation === "reject" && (
          <Textarea label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} autosize />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => close(false)}>
            Keep them as they are
          </Button>
          <Button
            color={operation === "cancel" || operation === "reject" ? "red" : undefined}
            loading={bulk.isPending}
            onClick={send}
            data-autofocus
          >
            {wordOf(operation)}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
