import { useGo } from "~/app/navigate";
import { PageLink } from "~/shared/link";
import { Page } from "~/shared/page";
import { Editor } from "./editor";

export default function NewAgentPage() {
  const go = useGo();
  return (
    <Page title="New agent" actions={<PageLink to="/agents">All agents</PageLink>}>
      <Editor done={(agent) => go(`/agents/${agent.id}`)} close={() => go("/agents")} />
    </Page>
  );
}
