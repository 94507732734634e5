// A client by OpenAPI Generator (java, native): an action is made and run, its log is read, what is not there is told.
package use;

import generated.ApiClient;
import generated.ApiException;
import generated.api.ActionRunsApi;
import generated.api.ActionsApi;
import generated.api.LogsApi;
import generated.model.ActionBody;
import generated.model.ActionShape;
import generated.model.RunBody;
import generated.model.RunShape;
import java.util.Map;
import java.util.UUID;

public final class Use {
  private static void must(boolean holds, String what) {
    if (!holds) throw new AssertionError("not so: " + what);
  }

  public static void main(String[] arguments) throws ApiException {
    ApiClient client = new ApiClient();
    client.updateBaseUri(System.getenv("VAI_API_URL"));
    client.setRequestInterceptor(request -> request.header("X-API-Key", System.getenv("VAI_API_KEY")));
    ActionRunsApi runs = new ActionRunsApi(client);
    ActionsApi actions = new ActionsApi(client);
    Map<String, Object> noop = Map.of("source", "noop");

    RunBody body = new RunBody();
    body.setKind(RunBody.KindEnum.DLT_EXTRACT);
    body.setDefinition(noop);
    RunShape run = runs.createRun(ActionRunsApi.APICreateRunRequest.newBuilder().runBody(body).prefer("wait=30").build());
    must("completed".equals(String.valueOf(run.getStatus())), "the run is completed: " + run);
    must(runs.getRun(ActionRunsApi.APIGetRunRequest.newBuilder().runId(run.getId()).build()).getId().equals(run.getId()), "the run is found");

    ActionBody made = new ActionBody();
    made.setName("generated java " + UUID.randomUUID());
    made.setKind(ActionBody.KindEnum.DLT_EXTRACT);
    made.setDefinition(noop);
    ActionShape action = actions.createAction(ActionsApi.APICreateActionRequest.newBuilder().actionBody(made).build());
    RunShape again = actions.runAction(ActionsApi.APIRunActionRequest.newBuilder().actionId(action.getId()).prefer("wait=30").build());
    must("completed".equals(String.valueOf(again.getStatus())), "the action's run is completed: " + again);
    boolean told = new LogsApi(client).getLogs(LogsApi.APIGetLogsRequest.newBuilder().runId(run.getId()).build())
        .getEntries().stream().anyMatch(entry -> "run_completed".equals(String.valueOf(entry.getEvent())));
    must(told, "the log tells the end: " + new LogsApi(client).getLogs(LogsApi.APIGetLogsRequest.newBuilder().runId(run.getId()).build()));

    try {
      runs.getRun(ActionRunsApi.APIGetRunRequest.newBuilder().runId(UUID.randomUUID()).build());
      must(false, "what is not there is told");
    } catch (ApiException missing) {
      must(missing.getCode() == 404, "what is not there is 404: " + missing);
    }
    System.out.println("openapi-generator (java): run " + run.getId() + " completed");
  }
}
