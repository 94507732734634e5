/** Values of the chat that are to be inputs, by the names that they get. */
import { ActionIcon, Button, Group, Paper, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import type { Schemas } from "~/api/types";

type Given = NonNullable<Schemas["CrystallizeBody"]["parameters"]>;
type Props = { given: Given; busy: boolean; change: (given: Given) => void };

/** `12` and `true` are a number and a truth, as they stand in calls; everything else is a text. */
function readValue(text: string): number | boolean | string {
  if (/^-?\d+(\.\d+)?$/.test(text) && String(Number(text)) === text) return Number(text);
  return text === "true" || text === "false" ? text === "true" : text;
}

export function Parameters({ given, busy, change }: Props) {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const add = (event: FormEvent): void => {
    event.preventDefault();
    if (!name.trim() || !value) return;
    change({ ...given, [name.trim()]: readValue(value) });
    setName("");
    setValue("");
  };
  const names = Object.keys(given);
  return (
    <Paper withBorder p="md" component="form" onSubmit={add}>
      <Text fw={600} size="sm">
        Make an input of a value
      </Text>
      <Text size="xs" c="dimmed" mb="xs">
        A value that stands in a call, such as a city or a number, becomes an input that each run can be given.
      </Text>
      <Group align="flex-end" gap="sm">
        <TextInput
          label="Input"
          placeholder="city"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label="Value"
          placeholder="Konya"
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
        />
        <Button
          type="submit"
          variant="default"
          loading={busy && names.length > 0}
          disabled={!name.trim() || !value}
          leftSection={<IconPlus size={15} aria-hidden />}
        >
          Add
        </Button>
      </Group>
      {names.length > 0 && (
        <Stack gap={4} mt="sm" component="ul" style={{ listStyle: "none", padding: 0, margin: 0 }}>
          {names.map((each) => (
            <Group key={each} gap={6} component="li">
              <Text size="sm" ff="monospace">
                {each} = {JSON.stringify(given[each])}
              </Text>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={`Remove ${each}`}
                onClick={() => change(Object.fromEntries(Object.entries(given).filter(([other]) => other !== each)))}
              >
                <IconX size={14} aria-hidden />
              </ActionIcon>
            </Group>
          ))}
        </Stack>
      )}
    </Paper>
  );
}
