import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import type { OneAutomation } from "~/shared/automations";
import { dropDraft } from "./draft";
import { changeOf } from "./text";

type Save = { body: Schemas["AutomationBody"]; tag: string };

/** Creates an automation, or changes one if it is still what the editor began with. */
export function useSave(id: string) {
  const go = useGo();
  return useMutation({
    mutationFn: ({ body, tag }: Save): Promise<OneAutomation> =>
      id
        ? ask(
            api.PATCH("/api/v1/automations/{automation_id}", {
              params: { path: { automation_id: id }, header: { "If-Match": tag } },
              body: changeOf(body) as never,
            }),
          )
        : ask(api.POST("/api/v1/automations", { body })),
    onSuccess: (automation) => {
      dropDraft(id);
      const secret = automation.trigger.secret;
      notifications.show({ color: "teal", message: id ? "Saved." : "Created." });
      if (typeof secret === "string") {
        notifications.show({
          color: "yellow",
          title: "The webhook's secret is shown only now",
          message: secret,
          autoClose: false,
        });
      }
      for (const key of ["automation", "automations", "automation-versions", "names"]) {
        void queries.invalidateQueries({ queryKey: [key] });
      }
      // After the page has heard that it is saved, so that it does not ask whether to leave.
      setTimeout(() => go(`/automations/${automation.id}`));
    },
  });
}
