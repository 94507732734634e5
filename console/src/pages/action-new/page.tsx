import { Button, Group, Paper, SimpleGrid, Stack, Text, UnstyledButton } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import type { Kind } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress, useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import { textOf } from "~/app/search";
import { ActionForm, labelsOf, NEW_ACTION } from "~/shared/catalogue/action-form";
import { useDefinitionSchema, useKinds, useSource, useSources } from "~/shared/catalogue/queries";
import type { Schema } from "~/shared/form/schema";
import { PageLink } from "~/shared/link";
import { Page } from "~/shared/page";
import { kindName } from "~/shared/runs";
import { Failure, Waiting } from "~/shared/states";
import classes from "./choice.module.css";

export default function NewActionPage() {
  const [search] = useAddress();
  const kind = textOf(search.kind);
  const source = textOf(search.source);
  if (!kind) return <ChooseKind />;
  if (kind === "dlt_extract" && !source) return <ChooseSource />;
  return <Make key={`${kind} ${source}`} kind={kind as Kind} source={source} sql={textOf(search.sql)} />;
}

function ChooseKind() {
  const { data, error, isPending, refetch } = useKinds();
  const [, change] = useAddress();
  return (
    <Page title="New action: what shall it do?">
      {error && <Failure error={error} retry={() => void refetch()} />}
      {isPending && <Waiting />}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
        {data?.kinds.map((each) => (
          <Card
            key={each.name}
            title={kindName(each.name)}
            text={each.description}
            off={each.available ? undefined : "Still to come"}
            press={() => change({ kind: each.name })}
          />
        ))}
      </SimpleGrid>
    </Page>
  );
}

function ChooseSource() {
  const { data, error, isPending, refetch } = useSources();
  const [, change] = useAddress();
  return (
    <Page title="New action: extract from where?">
      {error && <Failure error={error} retry={() => void refetch()} />}
      {isPending && <Waiting />}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
        {data?.sources.map((each) => (
          <Card
            key={each.name}
            title={each.title}
            text={each.description}
            off={each.available ? undefined : "Still to come"}
            press={() => change({ source: each.name })}
          />
        ))}
      </SimpleGrid>
    </Page>
  );
}

function Card({ title, text, off, press }: { title: string; text: string; off?: string; press: () => void }) {
  return (
    <UnstyledButton className={classes.card} onClick={press} disabled={off !== undefined} aria-label={title}>
      <Text fw={600} size="sm">
        {title}
      </Text>
      <Text size="sm" c="dimmed">
        {off ? `${off}. ` : ""}
        {text}
      </Text>
    </UnstyledButton>
  );
}

function Make({ kind, source, sql }: { kind: Kind; source?: string; sql?: string }) {
  const [draft, change] = useState(() => ({
    ...NEW_ACTION,
    definition: { ...(source ? { source } : {}), ...(sql ? { sql } : {}) },
  }));
  const go = useGo();
  const refusal = useRefusal("operator");
  const { schema, waits, error } = useDefinitionSchema(kind, source);
  const found = useSource(source);
  const creation = useMutation({
    mutationFn: () =>
      ask(
        api.POST("/api/v1/actions", {
          body: {
            kind,
            name: draft.name,
            slug: draft.slug || null,
            connectionId: draft.connectionId,
            definition: draft.definition,
            labels: labelsOf(draft.labels),
            expose: draft.expose,
          },
        }),
      ),
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["actions"] });
      void queries.invalidateQueries({ queryKey: ["names"] });
      go(`/actions/${made.id}`);
    },
  });
  function send(event: FormEvent): void {
    event.preventDefault();
    creation.mutate();
  }
  const what = source ? `${kindName(kind)} from ${found.data?.title ?? source}` : kindName(kind);
  return (
    <Page title={`New action: ${what}`}>
      {error && <Failure error={error} />}
      {waits && <Waiting />}
      {!waits && (
        <Paper withBorder p="lg" maw={820} component="form" onSubmit={send} noValidate>
          <Stack>
            <Text size="sm" c="dimmed">
              {found.data?.description}{" "}
              <PageLink to="/actions/new" underline="always">
                Choose something else
              </PageLink>
            </Text>
            <ActionForm
              draft={draft}
              change={change}
              schema={schema as Schema | null}
              error={creation.error}
              provider={source && found.data?.takesConnection && source !== "sql_database" ? source : undefined}
              alone={found.data?.takesConnection === false}
            />
            {creation.error && <Failure error={creation.error} />}
            <Group>
              <Button type="submit" loading={creation.isPending} disabled={refusal !== undefined} title={refusal}>
                Save
              </Button>
            </Group>
          </Stack>
        </Paper>
      )}
    </Page>
  );
}
