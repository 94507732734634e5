/** Links for people who cannot sign in: each ends by itself and can be revoked. Its address is shown once. */
import { Alert, Badge, Button, Group, NumberInput, Paper, Stack, Switch, Text, TextInput } from "@mantine/core";
import { IconShare } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import { ROOT } from "~/api/root";
import type { FlashboardDetail, Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { Confirm } from "~/shared/confirm";
import { Secret } from "~/shared/secret";
import { Empty, Failure, Waiting } from "~/shared/states";
import { tell, tellRefused } from "~/shared/tell";
import { Time, useNow } from "~/shared/time";

type Link = Schemas["FlashboardLinkShape"];

const lookAgain = (): Promise<unknown> => queries.invalidateQueries({ queryKey: ["board-links"] });

export function Links({ board }: { board: FlashboardDetail }) {
  const found = useQuery({
    queryKey: ["board-links", board.slug],
    queryFn: ({ signal }) => {
      const params = { path: { flashboard: board.slug }, query: { limit: 100 } };
      return ask(api.GET("/api/v1/flashboards/{flashboard}/links", { params, signal }));
    },
  });
  return (
    <Stack>
      <Share board={board} />
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data?.links.length === 0 && (
        <Empty icon={IconShare} title="It is not shared">
          A link shows this flashboard, and nothing else, to whoever has it.
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label="Links">
        {found.data?.links.map((link) => (
          <Row key={link.id} slug={board.slug} link={link} />
        ))}
      </Stack>
    </Stack>
  );
}

function Share({ board }: { board: FlashboardDetail }) {
  const [note, setNote] = useState("");
  const [days, setDays] = useState<number | string>(7);
  const [fixed, setFixed] = useState(false);
  const refusal = useRefusal("operator");
  const share = useMutation({
    mutationFn: () => {
      const body = { days: Number(days), note, version: fixed ? board.version : null };
      const params = { path: { flashboard: board.slug } };
      return ask(api.POST("/api/v1/flashboards/{flashboard}/links", { params, body }));
    },
    onSuccess: () => {
      setNote("");
      void lookAgain();
    },
  });
  const send = (event: FormEvent): void => {
    event.preventDefault();
    share.mutate();
  };
  return (
    <Stack gap="sm">
      {share.data && (
        <Secret
          title="The link is made"
          label="the link"
          value={`${window.location.origin}${ROOT}${share.data.path}`}
          close={share.reset}
        >
          Copy it now: it is not shown again. It ends <Time at={share.data.expiresAt} as="day" />.
        </Secret>
      )}
      <Paper withBorder p="md" component="form" onSubmit={send} aria-label="Share it">
        {share.error && <Alert color="red" role="alert" title={messageOf(share.error)} mb="sm" />}
        <Group align="flex-end" gap="sm">
          <TextInput
            label="For whom"
            placeholder="a note for yourself"
            style={{ flex: "1 1 200px" }}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
          />
          <NumberInput label="Days" min={1} allowDecimal={false} w={100} value={days} onChange={setDays} />
          <Switch
            pb={8}
            label={board.version === null ? "This version" : `Version ${board.version} only`}
            disabled={board.version === null}
            checked={fixed}
            onChange={(event) => setFixed(event.currentTarget.checked)}
          />
          <Button type="submit" loading={share.isPending} disabled={!!refusal || days === ""} title={refusal}>
            Make a link
          </Button>
        </Group>
      </Paper>
    </Stack>
  );
}

function Row({ slug, link }: { slug: string; link: Link }) {
  const [asks, setAsks] = useState(false);
  const refusal = useRefusal("operator");
  const now = useNow();
  const state = link.revokedAt ? "revoked" : new Date(link.expiresAt).getTime() < now ? "ended" : "good";
  const revoke = useMutation({
    mutationFn: () => {
      const params = { path: { flashboard: slug, link_id: link.id } };
      return ask(api.DELETE("/api/v1/flashboards/{flashboard}/links/{link_id}", { params }));
    },
    onSuccess: () => tell("The link is revoked."),
    onError: tellRefused,
    onSettled: () => {
      setAsks(false);
      return lookAgain();
    },
  });
  const name = link.note || "A link without a note";
  return (
    <Paper withBorder px="md" py="xs" component="article" aria-label={name}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 200px" }}>
          <Group gap="xs">
            <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
              {name}
            </Text>
            <Badge variant="outline" color="gray" tt="none" c="inherit" size="sm">
              {state}
            </Badge>
          </Group>
          <Text size="xs" c="dimmed" component="div">
            {link.version === null ? "the version of the day" : `version ${link.version}`} · made{" "}
            <Time at={link.createdAt} /> · {state === "ended" ? "ended" : "ends"} <Time at={link.expiresAt} as="day" />
          </Text>
        </div>
        {state === "good" && (
          <Button
            size="xs"
            variant="default"
            disabled={!!refusal}
            title={refusal}
            aria-label={`Revoke ${name}`}
            onClick={() => setAsks(true)}
          >
            Revoke
          </Button>
        )}
      </Group>
      {asks && (
        <Confirm
          title="Revoke this link?"
          word="Revoke"
          busy={revoke.isPending}
          close={() => setAsks(false)}
          go={() => revoke.mutate()}
        >
          Whoever has it sees the flashboard no longer, at once.
        </Confirm>
      )}
    </Paper>
  );
}
