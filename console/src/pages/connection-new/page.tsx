import { Button, Group, Paper, SimpleGrid, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { useAddress, useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import { textOf } from "~/app/search";
import classes from "~/pages/action-new/choice.module.css";
import { ConnectionForm, NEW_CONNECTION } from "~/shared/catalogue/connection-form";
import { type Provider, providerOf, providersOf } from "~/shared/catalogue/connection-schemas";
import { useSources } from "~/shared/catalogue/queries";
import { PageLink } from "~/shared/link";
import { Page } from "~/shared/page";
import { Failure, Waiting } from "~/shared/states";

export default function NewConnectionPage() {
  const [search] = useAddress();
  const sources = useSources();
  const name = textOf(search.provider);
  if (sources.error) return <Failure error={sources.error} retry={() => void sources.refetch()} />;
  if (!sources.data) return <Waiting />;
  if (!name) return <Choose providers={providersOf(sources.data.sources)} />;
  return <Make key={name} provider={providerOf(name, sources.data.sources)} />;
}

function Choose({ providers }: { providers: Provider[] }) {
  const [, change] = useAddress();
  const [other, setOther] = useState("");
  return (
    <Page title="New connection: to what?">
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
        {providers.map((each) => (
          <UnstyledButton
            key={each.name}
            className={classes.card}
            onClick={() => change({ provider: each.name })}
            aria-label={each.title}
          >
            <Text fw={600} size="sm">
              {each.title}
            </Text>
            <Text size="sm" c="dimmed">
              {each.about}
            </Text>
          </UnstyledButton>
        ))}
      </SimpleGrid>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (other.trim()) change({ provider: other.trim() });
        }}
      >
        <Group align="flex-end" gap="xs">
          <TextInput
            label="Another HTTP API"
            description="The name of its provider, as your definitions say it."
            placeholder="stripe"
            value={other}
            onChange={(event) => setOther(event.currentTarget.value)}
          />
          <Button type="submit" variant="default">
            Go on
          </Button>
        </Group>
      </form>
    </Page>
  );
}

function Make({ provider }: { provider: Provider }) {
  const [draft, change] = useState({ ...NEW_CONNECTION, name: provider.title });
  const go = useGo();
  const refusal = useRefusal("admin");
  const creation = useMutation({
    mutationFn: () => {
      const { credentials, slug, ...plain } = draft;
      const given = credentials && Object.keys(credentials).length > 0 ? credentials : null;
      const body = { ...plain, slug: slug || null, provider: provider.name, credentials: given };
      return ask(api.POST("/api/v1/connections", { body }));
    },
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["connections"] });
      void queries.invalidateQueries({ queryKey: ["names"] });
      go(`/connections/${made.id}`);
    },
  });
  function send(event: FormEvent): void {
    event.preventDefault();
    creation.mutate();
  }
  return (
    <Page title={`New connection: ${provider.title}`}>
      <Paper withBorder p="lg" maw={820} component="form" onSubmit={send} noValidate autoComplete="off">
        <Stack>
          <Text size="sm" c="dimmed">
            {provider.about}{" "}
            <PageLink to="/connections/new" underline="always">
              Choose something else
            </PageLink>
          </Text>
          <ConnectionForm provider={provider} draft={draft} change={change} error={creation.error} kept={false} />
          {creation.error && <Failure error={creation.error} />}
          <Group>
            <Button type="submit" loading={creation.isPending} disabled={refusal !== undefined} title={refusal}>
              Save
            </Button>
          </Group>
        </Stack>
      </Paper>
    </Page>
  );
}
