import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  placeholder,
} from "@codemirror/view";
import { useEffect, useRef } from "react";
import { NONCE } from "~/api/root";
import { languageOf } from "./languages";
import { frame, highlighting } from "./look";
import type { CodeProps } from "./types";

/** CodeMirror as a React component. Tab leaves it, as it leaves any field; Ctrl+] and Ctrl+[ indent. */
export default function Code(props: CodeProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  latest.current = props;
  const { language, complete, value, marks } = props;
  const languages = useRef(new Compartment());
  const settings = useRef(new Compartment());

  // biome-ignore lint/correctness/useExhaustiveDependencies: it is made once; what changes later follows below.
  useEffect(() => {
    const made = new EditorView({
      parent: place.current as HTMLElement,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          keymap.of([{ key: "Mod-Enter", run: () => run(latest.current.onRun) }]),
          basics,
          languages.current.of(languageOf(language)),
          settings.current.of(settingsOf(latest.current)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    latest.current.onReady?.((position) => {
      const at = Math.max(0, Math.min(position, made.state.doc.length));
      made.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      made.focus();
    });
    return () => made.destroy();
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: languages.current.reconfigure(languageOf(language)) });
  }, [language]);

  const readOnly = !props.onChange;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the settings that can change are named one by one.
  useEffect(() => {
    view.current?.dispatch({ effects: settings.current.reconfigure(settingsOf(latest.current)) });
  }, [readOnly, complete, props.label, props.placeholder, props.minHeight, props.maxHeight, props.compareWith]);

  useEffect(() => {
    const now = view.current;
    if (!now || now.state.doc.toString() === value) return;
    now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const now = view.current;
    if (!now) return;
    const end = now.state.doc.length;
    const inside = (marks ?? []).map((each) => ({
      ...each,
      from: Math.min(each.from, end),
      to: Math.min(each.to, end),
    }));
    now.dispatch(setDiagnostics(now.state, inside));
  }, [marks]);

  return <div ref={place} />;
}

function run(what: (() => void) | undefined): boolean {
  what?.();
  return what !== undefined;
}

const basics: Extension = [
  EditorView.cspNonce.of(NONCE),
  lineNumbers(),
  highlightActiveLineGutter(),
  highlightSpecialChars(),
  history(),
  foldGutter(),
  drawSelection(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  highlightActiveLine(),
  highlightSelectionMatches(),
  lintGutter(),
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...searchKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...completionKeymap,
    ...lintKeymap,
  ]),
  frame,
  highlighting,
];

/** Keeping a part makes it the same in both texts; it is what `compareWith` says otherwise. */
function choice(type: "accept" | "reject", act: (event: MouseEvent) => void): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.name = type;
  button.textContent = type === "accept" ? "Keep mine" : "Take theirs";
  button.onclick = act;
  return button;
}

function settingsOf(props: CodeProps): Extension {
  const { onChange, complete, label, placeholder: hint, minHeight, maxHeight, compareWith } = props;
  return [
    compareWith === undefined ? [] : unifiedMergeView({ original: compareWith, mergeControls: choice }),
    EditorState.readOnly.of(!onChange),
    EditorView.contentAttributes.of({
      "aria-label": label,
      tabindex: "0",
      ...(onChange ? {} : { "aria-readonly": "true" }),
    }),
    EditorView.theme({
      ".cm-content, .cm-gutter": { minHeight: minHeight ?? "8rem" },
      ".cm-scroller": { maxHeight: maxHeight ?? "60vh", overflow: "auto" },
    }),
    hint ? placeholder(hint) : [],
    autocompletion(complete ? { override: [complete], activateOnTyping: true } : {}),
  ];
}
