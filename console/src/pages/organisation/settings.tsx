/** What holds for the whole organisation. Everybody sees it; administrators change it. */
import {
  Alert,
  Button,
  Group,
  NumberInput,
  Paper,
  Stack,
  Switch,
  TagsInput,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { tell } from "~/shared/tell";

type Organisation = Schemas["OrganisationShape"];
type Models = NonNullable<Schemas["SettingsShape"]["models"]>;
type Limit = number | string;

const numberOf = (value: Limit): number | null => (value === "" ? null : Number(value));

export function SettingsForm({ organisation }: { organisation: Organisation }) {
  const { settings } = organisation;
  const before: Models = settings.models ?? {};
  const [name, setName] = useState(organisation.name);
  const [self, setSelf] = useState(settings.forbidSelfApproval);
  const [robots, setRobots] = useState(settings.ignoreRobotsTxt);
  const [running, setRunning] = useState<Limit>(settings.maxRunning ?? "");
  const [standard, setStandard] = useState(before.default ?? "");
  const [allowed, setAllowed] = useState<string[]>(before.allowed ?? []);
  const [tokens, setTokens] = useState<Limit>(before.tokens_per_day ?? "");
  const [money, setMoney] = useState<Limit>(before.money_per_day ?? "");
  const refusal = useRefusal("admin");
  const save = useMutation({
    mutationFn: () => {
      // Models are set as a whole, so what this form does not show (prices) goes with it as it was.
      const models = {
        ...before,
        default: standard.trim() || null,
        allowed: allowed.length > 0 ? allowed : null,
        tokens_per_day: numberOf(tokens),
        money_per_day: numberOf(money),
      };
      const body = {
        name,
        settings: { forbidSelfApproval: self, ignoreRobotsTxt: robots, maxRunning: numberOf(running), models },
      };
      return ask(api.PATCH("/api/v1/organisation", { body: body as never }));
    },
    onSuccess: () => {
      tell("Saved.");
      for (const key of ["organisation", "models"]) void queries.invalidateQueries({ queryKey: [key] });
    },
  });
  const send = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={send}>
      <fieldset disabled={!!refusal} style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }}>
        <Stack maw={720}>
          {refusal && (
            <Text size="sm" c="dimmed">
              {refusal}
            </Text>
          )}
          {save.error && <Alert color="red" role="alert" title={messageOf(save.error)} />}
          <TextInput
            label="Name"
            required
            maxLength={255}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Paper withBorder p="md">
            <Title order={2} mb="sm">
              Runs
            </Title>
            <Stack>
              <Switch
                label="Who started a run may not approve it"
                checked={self}
                onChange={(event) => setSelf(event.currentTarget.checked)}
              />
              <Switch
                label="Pages are fetched whatever the robots.txt of their site says"
                checked={robots}
                onChange={(event) => setRobots(event.currentTarget.checked)}
              />
              <NumberInput
                label="Runs at once"
                description="How many may be queued or at work; empty: no limit."
                min={1}
                max={1_000_000}
                allowDecimal={false}
                thousandSeparator
                value={running}
                onChange={setRunning}
              />
            </Stack>
          </Paper>
          <Paper withBorder p="md">
            <Title order={2} mb="sm">
              Language models
            </Title>
            <Stack>
              <TextInput
                label="Default model"
                description="The model where none is named, as connection/model."
                value={standard}
                onChange={(event) => setStandard(event.currentTarget.value)}
              />
              <TagsInput
                label="Allowed models"
                description="As connection/model; * stands for any text, as in openai/*. Empty: all."
                value={allowed}
                onChange={setAllowed}
              />
              <Group grow>
                <NumberInput
                  label="Tokens in a day"
                  description="Empty: no limit."
                  min={1}
                  allowDecimal={false}
                  thousandSeparator
                  value={tokens}
                  onChange={setTokens}
                />
                <NumberInput
                  label="US dollars in a day"
                  description="Empty: no limit."
                  min={0}
                  thousandSeparator
                  value={money}
                  onChange={setMoney}
                />
              </Group>
            </Stack>
          </Paper>
          <Group>
            <Button type="submit" loading={save.isPending} disabled={!!refusal || !name.trim()} title={refusal}>
              Save
            </Button>
          </Group>
        </Stack>
      </fieldset>
    </form>
  );
}
