import { Button, Group, Select, Stack, Text } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { quoted } from "~/pages/dataset/quoted";
import { CodeEditor } from "~/shared/code/editor";
import { LinkButton } from "~/shared/link";
import { Page } from "~/shared/page";
import { Failure } from "~/shared/states";
import { complete } from "./complete";
import { Outcome } from "./outcome";
import { useAsk } from "./use-ask";

const DRAFT = "vai-query";
const MOST_IN_ADDRESS = 4_000;

export default function QueryPage() {
  const [search, change] = useAddress();
  const [sql, setSql] = useState(() => textOf(search.sql) ?? sessionStorage.getItem(DRAFT) ?? "");
  const latest = useRef(sql);
  const refusal = useRefusal("operator");
  const query = useAsk();
  const keep = useDebouncedCallback((text: string) => {
    sessionStorage.setItem(DRAFT, text);
    change({ sql: text && text.length <= MOST_IN_ADDRESS ? text : undefined });
  }, 500);
  const write = useCallback(
    (text: string) => {
      latest.current = text;
      setSql(text);
      keep(text);
    },
    [keep],
  );
  const run = useCallback(() => {
    if (latest.current.trim() && !refusal) query.run(latest.current);
  }, [query.run, refusal]);
  return (
    <Page title="Query">
      <Stack gap="xs">
        <CodeEditor
          language="sql"
          label="SQL"
          value={sql}
          onChange={write}
          onRun={run}
          complete={complete}
          minHeight="9rem"
          maxHeight="24rem"
          placeholder="SELECT * FROM bronze.shop.orders LIMIT 100"
        />
        <Group gap="xs" justify="space-between">
          <Group gap="xs">
            <Button
              size="xs"
              leftSection={<IconPlayerPlay size={14} aria-hidden />}
              loading={query.isPending}
              disabled={refusal !== undefined || sql.trim() === ""}
              title={refusal ?? "Ctrl+Enter"}
              onClick={run}
            >
              Run
            </Button>
            {query.isPending && (
              <Button size="xs" variant="default" onClick={query.stop}>
                Stop
              </Button>
            )}
            {sql.trim() !== "" && sql.length <= MOST_IN_ADDRESS && (
              <LinkButton size="xs" variant="default" to="/actions/new" search={{ kind: "generate_query", sql }}>
                Save as an action
              </LinkButton>
            )}
          </Group>
          <Tables
            insert={(name) => write(latest.current.trim() ? `${latest.current.trimEnd()} ${name}` : first(name))}
          />
        </Group>
        <Text size="xs" c="dimmed">
          One query of DuckDB that only reads: silver.orders, gold.sales, bronze.shop.orders. At most 1,000 rows are
          shown. Ctrl+Enter runs it.
        </Text>
      </Stack>
      {query.error !== null && <Failure error={query.error} />}
      {query.found && <Outcome run={query.found} />}
    </Page>
  );
}

const first = (name: string): string => `SELECT * FROM ${name} LIMIT 100`;

function Tables({ insert }: { insert: (name: string) => void }) {
  const [words, setWords] = useState("");
  const { data } = useQuery({
    queryKey: ["datasets", "names", words],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/v1/datasets", { params: { query: { q: words || null, limit: 100 } }, signal })),
    staleTime: 30_000,
    placeholderData: (before) => before,
  });
  return (
    <Select
      size="xs"
      w={240}
      aria-label="Put a table into the query"
      placeholder="Put in a table"
      data={(data?.datasets ?? []).map((each) => each.name)}
      value={null}
      searchable
      searchValue={words}
      onSearchChange={setWords}
      onChange={(name) => {
        if (name) insert(quoted(name));
        setWords("");
      }}
      nothingFoundMessage="No table has this name"
    />
  );
}
