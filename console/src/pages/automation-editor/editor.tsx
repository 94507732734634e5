import { Alert, Anchor, Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useBlocker } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Problem } from "~/api/problem";
import { useRefusal } from "~/app/me";
import { readAutomation } from "~/shared/automations";
import { completing, type Knowledge } from "~/shared/code/complete";
import { parse, rangeOf, written } from "~/shared/code/document";
import { CodeEditor } from "~/shared/code/editor";
import { StepGraph } from "~/shared/graph/graph";
import { graphOf } from "~/shared/graph/steps";
import { PageLink } from "~/shared/link";
import { Page } from "~/shared/page";
import { type Draft, dropDraft, keepDraft, readDraft } from "./draft";
import classes from "./editor.module.css";
import { Faults } from "./faults";
import { useKnowledge } from "./knowledge";
import { type Language, textOf } from "./text";
import { markOf, useCheck } from "./use-check";
import { useSave } from "./use-save";

type Props = {
  /** Empty for a new one. */
  id: string;
  name: string;
  start: string;
  /** What the change begins with; a save is refused if somebody was quicker. */
  tag: string;
};

export function Editor({ id, name, start, tag }: Props) {
  const draft = useMemo(() => readDraft(id), [id]);
  const [text, setText] = useState(draft?.text ?? start);
  const [language, setLanguage] = useState<Language>(draft?.language ?? "yaml");
  const [base, setBase] = useState(draft?.tag ?? tag);
  const [theirs, setTheirs] = useState<string>();
  const [clean, setClean] = useState(draft ? "" : start);
  const check = useCheck(text);
  const save = useSave(id);
  const refusal = useRefusal("operator");
  const goTo = useRef<(position: number) => void>(undefined);
  const dirty = text !== clean;
  useKept(id, { text, language, tag: base }, dirty && !save.isSuccess);

  const refused = save.error instanceof Problem ? save.error : undefined;
  const conflict = refused?.status === 412;
  const marks = useMemo(() => {
    const told = refused && !conflict ? refused.details.map((each) => markOf(check.parsed, each, "error")) : [];
    return [...check.marks, ...told.filter((mark) => !check.marks.some((each) => each.message === mark.message))];
  }, [check.marks, check.parsed, refused, conflict]);
  const graph = useGraph(check.body);
  const complete = useCompletion();

  function change(next: string): void {
    setText(next);
    if (save.error && !conflict) save.reset();
  }
  function turn(next: Language): void {
    const { value, marks: wrong } = parse(text);
    if (wrong.length || next === language) return;
    const fresh = written(value, next);
    if (!dirty) setClean(fresh);
    setText(fresh);
    setLanguage(next);
  }
  async function compare(): Promise<void> {
    const now = await readAutomation(id);
    setTheirs(textOf(now.automation, language));
    setBase(now.tag);
    save.reset();
  }
  function restart(): void {
    setText(start);
    setClean(start);
    setBase(tag);
  }
  const send = (): void => {
    const body = parse(text).value;
    if (!refusal && typeof body === "object" && body !== null) save.mutate({ body: body as never, tag: base });
  };
  const place = (key: string): void => {
    const index = graph.nodes.findIndex((node) => node.key === key);
    const list = check.body && "steps" in check.body ? "steps" : "actions";
    if (index >= 0) goTo.current?.(rangeOf(check.parsed, [list, index])[0]);
  };
  return (
    <Page
      title={id ? `Edit ${name}` : "New automation"}
      actions={
        <Actions
          language={language}
          turn={turn}
          unreadable={check.parsed.marks.length > 0}
          refusal={refusal ?? (check.isValid || id ? undefined : "Mend what is marked first.")}
          busy={save.isPending}
          send={send}
          word={id ? "Save a new version" : "Create"}
        />
      }
    >
      <Text size="sm">
        <PageLink to={id ? `/automations/${id}` : "/automations"}>{id ? name : "Automations"}</PageLink>
      </Text>
      <Notices
        restart={draft && dirty && theirs === undefined ? restart : undefined}
        restartWord={id ? "Begin again with what is saved" : "Begin again with the example"}
        compare={conflict ? () => void compare() : undefined}
        compares={theirs !== undefined}
        error={conflict ? undefined : save.error?.message}
      />
      <div className={classes.both}>
        <div className={classes.side}>
          <CodeEditor
            value={text}
            onChange={change}
            language={language}
            label="Definition of the automation"
            marks={marks}
            complete={complete}
            compareWith={theirs}
            onRun={send}
            minHeight="24rem"
            maxHeight="calc(100dvh - 260px)"
            onReady={(go) => {
              goTo.current = go;
            }}
          />
          <Faults check={check} marks={marks} goTo={(position) => goTo.current?.(position)} />
        </div>
        <div className={classes.side}>
          <StepGraph
            graph={graph}
            choose={(key) => key && place(key)}
            height="min(70vh, 40rem)"
            label="Steps as they are written"
          />
        </div>
      </div>
    </Page>
  );
}

/** Keeps what is not saved in this tab, and asks before the page is left with it. */
function useKept(id: string, { text, language, tag }: Draft, unsaved: boolean): void {
  useEffect(() => {
    if (unsaved) keepDraft(id, { text, language, tag });
    else dropDraft(id);
  }, [id, text, language, tag, unsaved]);
  useBlocker({
    // A save takes the draft away at once, before this page has heard of it.
    shouldBlockFn: () =>
      unsaved &&
      readDraft(id) !== undefined &&
      !window.confirm("Your changes are not saved. They stay in this tab. Leave the page?"),
    enableBeforeUnload: () => unsaved,
  });
}

type NoticeProps = {
  restart: (() => void) | undefined;
  restartWord: string;
  compare: (() => void) | undefined;
  compares: boolean;
  error: string | undefined;
};

/** What has happened to the text beside the typing: it was kept, somebody was quicker, it was refused. */
function Notices({ restart, restartWord, compare, compares, error }: NoticeProps) {
  return (
    <>
      {restart && (
        <Alert variant="default" title="This is what you were typing">
          It was kept in this tab and is not saved.{" "}
          <Anchor component="button" type="button" size="sm" onClick={restart}>
            {restartWord}
          </Anchor>
        </Alert>
      )}
      {compare && (
        <Alert variant="default" title="Somebody else has saved it while you edited">
          <Stack gap="xs" align="flex-start">
            <Text size="sm">Nothing is lost: their change is saved, and your text stays here.</Text>
            <Button size="xs" onClick={compare}>
              Show their change beside mine
            </Button>
          </Stack>
        </Alert>
      )}
      {compares && (
        <Alert variant="default" title="What is different from what they saved">
          Red is theirs, green is yours. Take what you want of both, then save.
        </Alert>
      )}
      {error && (
        <Alert color="red" title="It was not saved">
          {error}
        </Alert>
      )}
    </>
  );
}

/** The graph of the text as it was last readable. */
function useGraph(body: Record<string, unknown> | undefined) {
  const last = useRef(body);
  if (body) last.current = body;
  const shown = last.current;
  return useMemo(() => graphOf(shown), [shown]);
}

/** One function for as long as the page is open; what it knows comes while it is. */
function useCompletion() {
  const knowledge = useKnowledge();
  const latest = useRef<Knowledge>(undefined);
  latest.current = knowledge;
  const read = useCallback(() => latest.current, []);
  return useMemo(() => completing(read), [read]);
}

type ActionProps = {
  language: Language;
  turn: (language: Language) => void;
  unreadable: boolean;
  refusal: string | undefined;
  busy: boolean;
  send: () => void;
  word: string;
};

function Actions({ language, turn, unreadable, refusal, busy, send, word }: ActionProps) {
  return (
    <Group gap="xs">
      <SegmentedControl
        size="xs"
        aria-label="Written as"
        data={[
          { value: "yaml", label: "YAML" },
          { value: "json", label: "JSON" },
        ]}
        value={language}
        onChange={(value) => turn(value as Language)}
        disabled={unreadable}
      />
      <Button disabled={refusal !== undefined || unreadable} title={refusal} loading={busy} onClick={send}>
        {word}
      </Button>
    </Group>
  );
}
