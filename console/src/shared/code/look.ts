/** How code looks, in both colours: `light-dark()` follows the page, so that nothing is drawn anew when it changes. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const FONT = "var(--mantine-font-family-monospace)";
const LINE = "1px solid light-dark(#dfe4ea, #2c333c)";
const BOX = { backgroundColor: "light-dark(#ffffff, #20262e)", color: "light-dark(#1c2128, #d5dae1)" };

export const frame = EditorView.theme({
  "&": {
    backgroundColor: "light-dark(#ffffff, #15191e)",
    color: "light-dark(#1c2128, #d5dae1)",
    border: LINE,
    borderRadius: "8px",
    fontSize: "13px",
    overflow: "hidden",
  },
  "&.cm-focused": { outline: "2px solid light-dark(#2b5fd9, #8aaef1)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: FONT, lineHeight: "1.55" },
  ".cm-content": { caretColor: "light-dark(#1c2128, #ffffff)", padding: "8px 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "light-dark(#1c2128, #ffffff)" },
  ".cm-gutters": {
    backgroundColor: "light-dark(#f6f8fb, #191d23)",
    color: "light-dark(#59616b, #99a1ac)",
    borderRight: LINE,
  },
  ".cm-activeLine": { backgroundColor: "light-dark(#2b5fd90d, #8aaef112)" },
  ".cm-activeLineGutter": { backgroundColor: "light-dark(#e9f0fd, #1d2b45)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "light-dark(#cfdffb, #2c4472)",
  },
  ".cm-selectionMatch": { backgroundColor: "light-dark(#dcefdc, #244032)" },
  ".cm-placeholder": { color: "var(--mantine-color-placeholder)" },
  ".cm-panels": { ...BOX, borderTop: LINE },
  ".cm-panels input, .cm-panels button": { ...BOX, backgroundImage: "none", border: LINE, borderRadius: "4px" },
  ".cm-tooltip": { ...BOX, border: LINE, borderRadius: "6px", overflow: "hidden", maxWidth: "min(90vw, 36rem)" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: FONT, fontSize: "12.5px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "light-dark(#2b5fd9, #2455c2)",
    color: "#ffffff",
  },
  ".cm-completionDetail": { fontStyle: "normal", opacity: 0.8 },
  ".cm-completionInfo": { whiteSpace: "pre-wrap", padding: "6px 10px", fontSize: "12.5px" },
  ".cm-deletedChunk": { backgroundColor: "light-dark(#fdeceb, #3b201e)" },
  ".cm-changedLine, .cm-insertedLine": { backgroundColor: "light-dark(#e2f6ee, #163329) !important" },
  ".cm-chunkButtons button[name=accept], .cm-chunkButtons button[name=reject]": {
    ...BOX,
    border: LINE,
    borderRadius: "4px",
    cursor: "pointer",
    font: "inherit",
  },
  ".cm-diagnostic": { whiteSpace: "pre-wrap", padding: "6px 10px" },
});

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "light-dark(#1a48aa, #8ab4ff)" },
  { tag: [tags.string, tags.special(tags.string)], color: "light-dark(#176639, #8fd6a4)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "light-dark(#9a3412, #f0a878)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.typeName], color: "light-dark(#7a2ea0, #cfa3ea)" },
  {
    tag: [tags.comment, tags.lineComment, tags.blockComment],
    color: "light-dark(#59616b, #99a1ac)",
    fontStyle: "italic",
  },
  { tag: [tags.labelName, tags.meta], color: "light-dark(#7a2ea0, #cfa3ea)" },
  { tag: tags.invalid, color: "light-dark(#b42318, #ff9a8f)" },
]);

export const highlighting = syntaxHighlighting(colours);
