import { Page } from "~/shared/page";

export default function RunsPage() {
  return <Page title="Runs">…</Page>;
}
