import { Page } from "~/shared/page";

export default function HomePage() {
  return <Page title="Home">…</Page>;
}
