/** Markdown as elements of React: HTML in it is shown as text, pictures are links, and nothing of it can run. */
import { Anchor, Table } from "@mantine/core";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import classes from "./markdown.module.css";

const OUTSIDE = { target: "_blank", rel: "noopener noreferrer nofollow" } as const;

// A picture would be asked for at another address; who wants to see it follows the link.
const PARTS: Components = {
  a: ({ href, children }) =>
    href ? (
      <Anchor href={href} {...OUTSIDE} inherit underline="always">
        {children}
      </Anchor>
    ) : (
      children
    ),
  img: ({ src, alt }) =>
    typeof src === "string" && src ? (
      <Anchor href={src} {...OUTSIDE} inherit underline="always">
        {alt || "picture"}
      </Anchor>
    ) : (
      (alt ?? null)
    ),
  table: ({ children }) => (
    <Table.ScrollContainer minWidth={0} type="native">
      <Table withTableBorder withColumnBorders>
        {children}
      </Table>
    </Table.ScrollContainer>
  ),
  // Headings of a text stand below those of the page.
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
};
const PLUGINS = [remarkGfm];
const MOST = 100_000;

export function Markdown({ text }: { text: string }) {
  const whole = text.length <= MOST;
  return (
    <div className={classes.text}>
      {whole ? (
        <ReactMarkdown remarkPlugins={PLUGINS} components={PARTS}>
          {text}
        </ReactMarkdown>
      ) : (
        <pre>{text}</pre>
      )}
    </div>
  );
}
