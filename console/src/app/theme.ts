import { createTheme, type MantineColorsTuple, Notification } from "@mantine/core";

const blue: MantineColorsTuple = [
  "#eef4ff",
  "#dbe6fb",
  "#b4cbf6",
  "#8aaef1",
  "#6795ed",
  "#4f84eb",
  "#3b74e6",
  "#2b5fd9",
  "#2455c2",
  "#1a48aa",
];

/** From text to the darkest ground: the blue greys of flashboards, so that panels and page are of one sort. */
const dark: MantineColorsTuple = [
  "#dfe5ed",
  "#b8c2cf",
  "#98a4b3",
  "#7d8998",
  "#3a4552",
  "#2a323d",
  "#1b212a",
  "#12161c",
  "#0e1217",
  "#0a0d11",
];

export const theme = createTheme({
  primaryColor: "vai",
  primaryShade: { light: 7, dark: 8 },
  colors: { vai: blue, dark },
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace:
    'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace',
  components: {
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close this message" } } }),
  },
  headings: {
    fontWeight: "650",
    sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1.1rem" }, h3: { fontSize: "1rem" } },
  },
});
