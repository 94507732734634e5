// A client by OpenAPI Generator (go): an action is made and run, its log is read, what is not there is told.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"example.com/use/generated"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func must(holds bool, what string) {
	if !holds {
		check(fmt.Errorf("not so: %s", what))
	}
}

func main() {
	settings := generated.NewConfiguration()
	settings.Servers = generated.ServerConfigurations{{URL: os.Getenv("VAI_API_URL")}}
	settings.AddDefaultHeader("X-API-Key", os.Getenv("VAI_API_KEY"))
	client := generated.NewAPIClient(settings)
	ctx := context.Background()
	noop := map[string]interface{}{"source": "noop"}

	body := generated.NewRunBody("dlt_extract")
	body.SetDefinition(noop)
	run, _, err := client.ActionRunsAPI.CreateRun(ctx).RunBody(*body).Prefer("wait=30").Execute()
	check(err)
	must(string(run.GetStatus()) == "completed", "the run is completed")
	same, _, err := client.ActionRunsAPI.GetRun(ctx, run.GetId()).Execute()
	check(err)
	must(same.GetId() == run.GetId(), "the run is found")

	name := fmt.Sprintf("generated go %d", time.Now().UnixNano())
	made := generated.NewActionBody("dlt_extract", name)
	made.SetDefinition(noop)
	action, _, err := client.ActionsAPI.CreateAction(ctx).ActionBody(*made).Execute()
	check(err)
	again, _, err := client.ActionsAPI.RunAction(ctx, action.GetId()).Prefer("wait=30").Execute()
	check(err)
	must(string(again.GetStatus()) == "completed", "the action's run is completed")
	log, _, err := client.LogsAPI.StreamLogs(ctx, run.GetId()).Execute()
	check(err)
	must(strings.Contains(log, "run_completed"), "the stream tells the end")

	_, answer, err := client.ActionRunsAPI.GetRun(ctx, "00000000-0000-7000-8000-000000000000").Execute()
	must(err != nil && answer.StatusCode == 404, "what is not there is 404")
	fmt.Printf("openapi-generator (go): run %s completed\n", run.GetId())
}
