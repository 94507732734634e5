/** An agent is made or changed here: the usual fields as a form, tools and limits as JSON as the API takes them. */
import { Alert, Button, Group, Paper, Select, Stack, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf, Problem } from "~/api/problem";
import type { Agent, Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { tell } from "~/shared/tell";

type Body = Schemas["AgentBody"];
type Props = { agent?: Agent; tag?: string; done: (agent: Agent) => void; close: () => void };

const FRESH = { tools: [], limits: {}, outputSchema: null, labels: {} };
const EXAMPLE =
  '[{"kind": "http_request", "name": "look_up", "fixed": {"url": "https://example.com"}, "maySet": ["query"]}]';

/** What stands in the field of JSON; `undefined` where it is none, with the reason. */
function parsed(text: string): { value?: Record<string, unknown>; fault?: string } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return { fault: "It must be an object: {…}" };
    const wrong = Object.keys(value).find((key) => !(key in FRESH));
    if (wrong) return { fault: `${wrong} is none of ${Object.keys(FRESH).join(", ")}` };
    return { value: value as Record<string, unknown> };
  } catch (error) {
    return { fault: `This is no JSON: ${messageOf(error)}` };
  }
}

export function Editor({ agent, tag, done, close }: Props) {
  const [name, setName] = useState(agent?.name ?? "");
  const [description, setDescription] = useState(agent?.description ?? "");
  const [instructions, setInstructions] = useState(agent?.instructions ?? "");
  const [model, setModel] = useState<string | null>(agent?.model ?? null);
  const [datasets, setDatasets] = useState(agent?.datasets ?? []);
  const [domains, setDomains] = useState(agent?.allowedDomains ?? []);
  const [json, setJson] = useState(() => JSON.stringify(agent ? rest(agent) : FRESH, null, 2));
  const refusal = useRefusal("operator");
  const read = parsed(json);
  const save = useMutation({
    mutationFn: () => {
      const body = {
        name,
        description: description || null,
        instructions,
        model,
        datasets,
        allowedDomains: domains,
        ...read.value,
      } as Body & { slug?: undefined };
      const header = { "If-Match": tag };
      return agent
        ? ask<Agent>(api.PATCH("/api/v1/agents/{agent_id}", { params: { path: { agent_id: agent.id }, header }, body }))
        : ask<Agent>(api.POST("/api/v1/agents", { body }));
    },
    onSuccess: (saved) => {
      tell("Saved.");
      void queries.invalidateQueries({ queryKey: ["agents"] });
      void queries.invalidateQueries({ queryKey: ["agent"] });
      done(saved);
    },
  });
  const about = (field: string): string | undefined =>
    save.error instanceof Problem ? save.error.about(field) : undefined;
  const send = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Paper withBorder p="md" component="form" onSubmit={send} maw={860}>
      <Stack>
        {save.error && <Alert color="red" role="alert" title={messageOf(save.error)} />}
        <TextInput label="Name" required maxLength={255} value={name} error={about("name")} onChange={into(setName)} />
        <TextInput
          label="Description"
          description="For people, and for agents that call it."
          value={description}
          error={about("description")}
          onChange={into(setDescription)}
        />
        <Textarea
          label="Instructions"
          description="What the model is told to do."
          required
          autosize
          minRows={5}
          maxRows={20}
          maxLength={50_000}
          value={instructions}
          error={about("instructions")}
          onChange={into(setInstructions)}
        />
        <Model value={model} change={setModel} error={about("model")} />
        <TagsInput
          label="Datasets"
          description="Tables that it may query: type a name such as bronze.shop.orders, then Enter."
          value={datasets}
          error={about("datasets")}
          onChange={setDatasets}
        />
        <TagsInput
          label="Allowed domains"
          description="Where requests whose address the model chooses may lead: example.com and all below it."
          value={domains}
          error={about("allowedDomains")}
          onChange={setDomains}
        />
        <Textarea
          label="Tools, limits, output schema and labels, as JSON"
          description={`A tool, for example: ${EXAMPLE}`}
          autosize
          minRows={6}
          maxRows={24}
          spellCheck={false}
          styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
          value={json}
          error={read.fault}
          onChange={into(setJson)}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Leave it
          </Button>
          <Button
            type="submit"
            loading={save.isPending}
            disabled={!!refusal || !read.value || !name.trim() || !instructions.trim()}
            title={refusal}
          >
            Save
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}

type ModelProps = { value: string | null; change: (value: string | null) => void; error: string | undefined };

function Model({ value, change, error }: ModelProps) {
  const { data } = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/models", { signal })),
    staleTime: 60_000,
  });
  const names = (data?.models ?? []).filter((each) => each.allowed).map((each) => each.name);
  return (
    <Select
      label="Model"
      description={
        data?.default
          ? `Without one: the organisation's default, ${data.default}.`
          : "The organisation has no default: choose one."
      }
      placeholder="Default"
      data={value && !names.includes(value) ? [value, ...names] : names}
      value={value}
      error={error}
      searchable
      clearable
      clearButtonProps={{ "aria-label": "Take the default" }}
      limit={200}
      nothingFoundMessage="No model is called like this"
      onChange={change}
    />
  );
}

const into =
  (set: (value: string) => void) =>
  (event: { currentTarget: { value: string } }): void =>
    set(event.currentTarget.value);

const rest = ({ tools, limits, outputSchema, labels }: Agent) => ({ tools, limits, outputSchema, labels });
