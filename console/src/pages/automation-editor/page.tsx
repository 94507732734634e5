import { useQuery } from "@tanstack/react-query";
import { useAddress, usePart } from "~/app/navigate";
import { textOf as partOf } from "~/app/search";
import { readAutomation } from "~/shared/automations";
import { Failure, Waiting } from "~/shared/states";
import { Editor } from "./editor";
import { example, textOf } from "./text";

/** A new automation, one like another, or a change of one that is there. */
export default function AutomationEditorPage() {
  const id = usePart("id");
  const [search] = useAddress();
  const from = id || partOf(search.copy) || "";
  const found = useQuery({
    queryKey: ["automation-to-edit", from],
    queryFn: ({ signal }) => readAutomation(from, signal),
    enabled: from !== "",
    // What is being edited is not read anew under somebody's hands; the tag says whether it has changed.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  if (!from) return <Editor key="new" id="" name="" start={example("yaml")} tag="" />;
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  const { automation, tag } = found.data;
  const start = textOf(automation, "yaml", !id);
  return <Editor key={from} id={id} name={id ? automation.name : ""} start={start} tag={id ? tag : ""} />;
}
