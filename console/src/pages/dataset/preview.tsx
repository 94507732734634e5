import { Stack, Text } from "@mantine/core";
import { IconTable } from "@tabler/icons-react";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { Grid } from "~/shared/grid/grid";
import { Empty, Failure, Waiting } from "~/shared/states";

/** Cells that a preview has: of a table with 500 columns 20 rows come, since each value takes time on its way. */
const CELLS = 10_000;
const MOST_ROWS = 200;
const LEAST_ROWS = 20;

type Props = { id: string; label: string; columns: number };

/** How the rows are asked for: by the tab, and ahead of it while somebody points at it. */
export const previewOptions = (id: string, columns: number) => {
  const rows = Math.max(LEAST_ROWS, Math.min(MOST_ROWS, Math.floor(CELLS / Math.max(1, columns))));
  return queryOptions({
    queryKey: ["preview", id, rows],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/datasets/{dataset}/preview", {
          params: { path: { dataset: id }, query: { rows } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });
};

export function Preview({ id, label, columns }: Props) {
  const { data, error, isPending, refetch } = useQuery(previewOptions(id, columns));
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (isPending || !data) return <Waiting />;
  if (data.rows.length === 0) {
    return (
      <Empty icon={IconTable} title="The table has no rows">
        The next run that writes it may bring some.
      </Empty>
    );
  }
  return (
    <Stack gap="xs">
      <Grid columns={data.columns} rows={data.rows} label={label} />
      <Text size="xs" c="dimmed">
        {data.rows.length} rows, in no order.
        {data.cut && " Long values, or further rows, were left out."}
      </Text>
    </Stack>
  );
}
