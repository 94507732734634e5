/** The answer to a message: while it is given, and afterwards with its calls, its error and its cost. */
import { Alert, Anchor, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { api, ask } from "~/api/client";
import type { AgentRun, Message } from "~/api/types";
import { queries } from "~/app/queries";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { Markdown } from "~/shared/markdown/markdown";
import { counted, dollars } from "~/shared/numbers";
import { isLive, StatusBadge } from "~/shared/status";
import { CallCard } from "./call-card";
import { useLive } from "./live";

type Answered = NonNullable<Message["answer"]>;
const PAGES = 10;

export function Answer({ message, near, again }: { message: Message; near: boolean; again?: () => void }) {
  const { answer } = message;
  if (!answer) return null;
  return isLive(answer.status) ? (
    <Live answer={answer} />
  ) : (
    <Ended answer={answer} near={near} again={again} key={answer.runId} />
  );
}

function Live({ answer }: { answer: Answered }) {
  const ended = useCallback(() => {
    void queries.invalidateQueries({ queryKey: ["messages"] });
    void queries.invalidateQueries({ queryKey: ["thread"] });
  }, []);
  const { parts, state } = useLive(answer.runId, ended);
  return (
    <Stack gap="xs" aria-busy="true">
      {parts.map((part) =>
        part.what === "text" ? (
          <Markdown key={part.key} text={part.text} />
        ) : part.what === "call" ? (
          <CallCard key={part.key} call={part} live />
        ) : (
          <Text key={part.key} size="sm" c="dimmed">
            {part.text}
          </Text>
        ),
      )}
      <Group gap="xs">
        <Loader size="xs" type="dots" aria-hidden />
        <Text size="xs" c="dimmed">
          {state === "connecting" && parts.length > 0 ? "The line broke; connecting again …" : "Answering …"}
        </Text>
        <PageLink to={`/runs/${answer.runId}`} size="xs">
          Run
        </PageLink>
      </Group>
    </Stack>
  );
}

/** All turns of a run, page by page. */
async function transcript(runId: string, signal: AbortSignal): Promise<AgentRun> {
  let whole: AgentRun | undefined;
  for (let page = 0; page < PAGES; page++) {
    const params = { path: { run_id: runId }, query: { after: whole?.turns.at(-1)?.turn } };
    const next: AgentRun = await ask(api.GET("/api/v1/agents/runs/{run_id}", { params, signal }));
    whole = whole ? { ...next, turns: [...whole.turns, ...next.turns] } : next;
    if (!next.hasMore) break;
  }
  return whole as AgentRun;
}

function Ended({ answer, near, again }: { answer: Answered; near: boolean; again?: () => void }) {
  const [open, setOpen] = useState(near);
  const has = (answer.calls ?? 0) > 0 || answer.status !== "completed";
  const told = useQuery({
    queryKey: ["agent-run", answer.runId],
    queryFn: ({ signal }) => transcript(answer.runId, signal),
    enabled: open && has,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const turns = has && open ? told.data?.turns : undefined;
  const error = answer.error as { code?: string; message?: string } | null;
  return (
    <Stack gap="xs">
      {has && !open && (
        <Anchor component="button" type="button" size="sm" ta="left" onClick={() => setOpen(true)}>
          Show {counted(answer.calls ?? 0, "call")}
        </Anchor>
      )}
      {turns?.map((turn) => (
        <Stack key={turn.turn} gap="xs">
          {turn.text && <Markdown text={turn.text} />}
          {turn.toolCalls.map((call) => (
            <CallCard key={call.id} call={call} live={false} />
          ))}
        </Stack>
      ))}
      {!turns && answer.text && <Markdown text={answer.text} />}
      {answer.output !== null && answer.output !== undefined && <Json value={answer.output} label="the answer" />}
      {answer.truncated && (
        <Text size="sm" c="dimmed">
          The answer is longer. <PageLink to={`/runs/${answer.runId}?tab=result`}>Its run has all of it.</PageLink>
        </Text>
      )}
      {answer.status !== "completed" && (
        <Alert
          color={answer.status === "failed" ? "red" : "gray"}
          title={
            answer.status === "failed" ? (error?.message ?? "The answer failed") : `The answer was ${stopped(answer)}`
          }
        >
          <Group gap="xs">
            {error?.code && <Text size="xs">{error.code}</Text>}
            {again && (
              <Button size="xs" variant="light" color="gray" onClick={again}>
                Answer again
              </Button>
            )}
          </Group>
        </Alert>
      )}
      <Cost answer={answer} />
    </Stack>
  );
}

const stopped = (answer: Answered): string => (answer.status === "cancelled" ? "stopped" : answer.status);

function Cost({ answer }: { answer: Answered }) {
  const said = [
    answer.model,
    answer.calls ? counted(answer.calls, "call") : null,
    answer.tokens !== null ? counted(answer.tokens, "token") : null,
    answer.dollars !== null ? dollars(answer.dollars) : answer.tokens ? "price not known" : null,
  ].filter(Boolean);
  return (
    <Group gap="xs">
      {answer.status !== "completed" && <StatusBadge status={answer.status} />}
      <Text size="xs" c="dimmed">
        {said.join(" · ")}
      </Text>
      <PageLink to={`/runs/${answer.runId}`} size="xs">
        Run
      </PageLink>
    </Group>
  );
}
