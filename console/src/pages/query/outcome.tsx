import { Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { IconDownload, IconLayoutDashboard, IconTable } from "@tabler/icons-react";
import { useState } from "react";
import type { Run } from "~/api/types";
import { useRefusal } from "~/app/me";
import { ErrorBox } from "~/pages/run/error-box";
import { type Column, Grid, type Rows, textOfCell } from "~/shared/grid/grid";
import { PageLink } from "~/shared/link";
import { saveFile } from "~/shared/save-file";
import { Empty } from "~/shared/states";
import { duration } from "~/shared/time";
import { Chart, type ChartChoice, chosenFor } from "./chart";
import { MakeTile } from "./make-tile";

type Result = { sql: string; columns: Column[]; rows: Rows; total_rows: number; truncated: boolean };

export function Outcome({ run }: { run: Run }) {
  if (run.error) return <ErrorBox run={run} />;
  if (!run.result) {
    return (
      <Text size="sm" c="dimmed">
        The query was stopped: <PageLink to={`/runs/${run.id}`}>its run</PageLink>
      </Text>
    );
  }
  return <Shown key={run.id} run={run} result={run.result as unknown as Result} />;
}

function Shown({ run, result }: { run: Run; result: Result }) {
  const [as, setAs] = useState("table");
  const [choice, setChoice] = useState<ChartChoice>(() => chosenFor(result.columns));
  const [makes, setMakes] = useState(false);
  const refusal = useRefusal("operator");
  const { columns, rows, total_rows: total } = result;
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="xs">
        <Text size="sm" c="dimmed" aria-live="polite">
          {total.toLocaleString()} {total === 1 ? "row" : "rows"}
          {rows.length < total && `, the first ${rows.length.toLocaleString()} are shown`}
          {run.durationSeconds !== null && ` · ${duration(run.durationSeconds)}`} ·{" "}
          <PageLink to={`/runs/${run.id}`}>the run</PageLink>
        </Text>
        <Group gap="xs">
          <SegmentedControl
            aria-label="How the result is shown"
            size="xs"
            value={as}
            onChange={setAs}
            data={[
              { value: "table", label: "Table" },
              { value: "chart", label: "Chart" },
            ]}
          />
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() => download(columns, rows)}
          >
            CSV
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconLayoutDashboard size={14} aria-hidden />}
            disabled={refusal !== undefined}
            title={refusal}
            onClick={() => setMakes(true)}
          >
            Flashboard tile
          </Button>
        </Group>
      </Group>
      {rows.length === 0 && (
        <Empty icon={IconTable} title="No rows">
          The query ran, and no row answers it.
        </Empty>
      )}
      {rows.length > 0 && as === "table" && <Grid columns={columns} rows={rows} label="Result of the query" />}
      {rows.length > 0 && as === "chart" && <Chart columns={columns} rows={rows} choice={choice} change={setChoice} />}
      {makes && <MakeTile sql={result.sql} chart={as === "chart" ? choice : undefined} close={() => setMakes(false)} />}
    </Stack>
  );
}

/** CSV as the API writes it: NULL is empty, an empty text `""`; what a spreadsheet takes for a formula begins with `'`. */
export function csvOf(columns: Column[], rows: Rows): string {
  const cell = (value: unknown): string => {
    if (value === null || value === undefined) return "";
    const text = textOfCell(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(text);
    const shown = safe ? `'${text}` : text;
    return /[",\n\r]/.test(shown) || shown === "" ? `"${shown.replaceAll('"', '""')}"` : shown;
  };
  const lines = [
    columns.map((each) => cell(each.name)),
    ...rows.map((row) => columns.map((each) => cell(row[each.name]))),
  ];
  return `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
}

function download(columns: Column[], rows: Rows): void {
  saveFile(new Blob([csvOf(columns, rows)], { type: "text/csv" }), "query.csv");
}
