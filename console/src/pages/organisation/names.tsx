/** What definitions name: variables, whose values everybody sees, and secrets, whose values nobody sees. */
import { Button, Checkbox, Code, Group, Paper, Stack, Text } from "@mantine/core";
import { IconVariable } from "@tabler/icons-react";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { Schemas, User } from "~/api/types";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { ShowMore, usePages } from "~/shared/listing/listing";
import { nameOf } from "~/shared/people";
import { Remove } from "~/shared/remove";
import { Empty, Failure, Waiting } from "~/shared/states";
import { tell } from "~/shared/tell";
import { Time } from "~/shared/time";
import { SetSecret, SetVariable } from "./set-name";

type Secret = Schemas["ListedSecretShape"];
type Variable = Schemas["ListedVariableShape"];
type Bounds = { limit: number; offset: number };

const SHOWN = 200;

export const VARIABLES = {
  noun: "variable",
  root: "vars",
  about: "A variable is any JSON value that everybody may see.",
  list: async (query: Bounds, signal: AbortSignal) => {
    const { variables, ...page } = await ask(api.GET("/api/v1/variables", { params: { query }, signal }));
    return { ...page, found: variables as (Secret | Variable)[] };
  },
  remove: (name: string, force: boolean) =>
    ask(api.DELETE("/api/v1/variables/{name}", { params: { path: { name }, query: { force } } })),
} as const;

export const SECRETS = {
  noun: "secret",
  root: "secrets",
  about: "A secret is a text that goes in and never comes out. It stands only where definitions keep secrets.",
  list: async (query: Bounds, signal: AbortSignal) => {
    const { secrets, ...page } = await ask(api.GET("/api/v1/secrets", { params: { query }, signal }));
    return { ...page, found: secrets as (Secret | Variable)[] };
  },
  remove: (name: string, force: boolean) =>
    ask(api.DELETE("/api/v1/secrets/{name}", { params: { path: { name }, query: { force } } })),
} as const;

type Sort = typeof VARIABLES | typeof SECRETS;

export function Names({ sort }: { sort: Sort }) {
  const refusal = useRefusal("admin");
  const [changes, setChanges] = useState<Secret | Variable>();
  const { list, pages, total } = usePages([sort.root], sort.list);
  const found = pages.flatMap((page) => page.found);
  const users: Record<string, User> = Object.assign({}, ...pages.map((page) => page.users));
  const done = (name: string): void => {
    setChanges(undefined);
    tell(`The ${sort.noun} ${name} is set. Runs that are made from now on have it.`);
    void queries.invalidateQueries({ queryKey: [sort.root] });
  };
  const form = { key: changes?.name ?? "", given: changes, done, cancel: () => setChanges(undefined), refusal };
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {sort.about} Definitions name it as <Code>{`$/${sort.root}/NAME`}</Code>.
      </Text>
      {sort.root === "vars" ? <SetVariable {...form} key={form.key} /> : <SetSecret {...form} key={form.key} />}
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Waiting />}
      {list.data && total === 0 && (
        <Empty icon={IconVariable} title={`No ${sort.noun}`}>
          Set one above, and name it in an action, an automation or a run.
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label={`All ${sort.noun}s`}>
        {found.map((one) => (
          <Row
            key={one.name}
            sort={sort}
            one={one}
            by={users[one.updatedBy ?? ""]}
            change={() => setChanges(one)}
            refusal={refusal}
          />
        ))}
      </Stack>
      <ShowMore list={list} />
    </Stack>
  );
}

type RowProps = {
  sort: Sort;
  one: Secret | Variable;
  by: User | undefined;
  change: () => void;
  refusal: string | undefined;
};

function Row({ sort, one, by, change, refusal }: RowProps) {
  const [asks, setAsks] = useState(false);
  return (
    <Paper withBorder px="md" py="xs" component="article" aria-label={one.name}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 260px" }}>
          <Text fw={600} size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {one.name}
          </Text>
          {"value" in one && (
            <Code style={{ overflowWrap: "anywhere" }} aria-label={`The value of ${one.name}`}>
              {shortened(one.value)}
            </Code>
          )}
          <Text size="xs" c="dimmed" component="div" style={{ overflowWrap: "anywhere" }}>
            {one.description && `${one.description} · `}set <Time at={one.updatedAt} /> by {nameOf(by)}
          </Text>
        </div>
        <Group gap="xs">
          <Button
            size="xs"
            variant="default"
            aria-label={`Change ${one.name}`}
            disabled={!!refusal}
            title={refusal}
            onClick={change}
          >
            Change
          </Button>
          <Button
            size="xs"
            variant="default"
            aria-label={`Delete ${one.name}`}
            disabled={!!refusal}
            title={refusal}
            onClick={() => setAsks(true)}
          >
            Delete
          </Button>
        </Group>
      </Group>
      {asks && <Removal sort={sort} name={one.name} close={() => setAsks(false)} />}
    </Paper>
  );
}

function Removal({ sort, name, close }: { sort: Sort; name: string; close: () => void }) {
  const [force, setForce] = useState(false);
  return (
    <Remove
      title={`Delete the ${sort.noun} ${name}?`}
      close={close}
      send={() => sort.remove(name, force)}
      done={() => {
        close();
        tell(`The ${sort.noun} ${name} is deleted.`);
        void queries.invalidateQueries({ queryKey: [sort.root] });
      }}
    >
      <Text size="sm">Runs that were made keep it. What names it can't be run any more.</Text>
      <Checkbox
        label="Also where saved definitions name it"
        checked={force}
        onChange={(event) => setForce(event.currentTarget.checked)}
      />
    </Remove>
  );
}

function shortened(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
