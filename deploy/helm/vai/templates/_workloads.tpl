{{/* What runs: every deployment as data. The other templates are loops over this. */}}

{{/*
The kinds that this version runs: whose they are, whether somebody waits for an answer (SYNC), and whether their work
leads to the internet. A test holds them against the code.
*/}}
{{- define "vai.kinds" -}}
dlt_extract: {service: extract-worker, sync: false, internet: true}
file_sync: {service: extract-worker, sync: false, internet: true}
duckdb_transform: {service: transform-worker, sync: false, internet: false}
create_flashboard: {service: transform-worker, sync: false, internet: true}
generate_query: {service: transform-worker, sync: true, internet: true}
explain_schema: {service: transform-worker, sync: true, internet: true}
http_request: {service: agent-worker, sync: true, internet: true}
fetch_page: {service: agent-worker, sync: true, internet: true}
web_search: {service: agent-worker, sync: true, internet: true}
call_agent: {service: agent-worker, sync: false, internet: true}
agent_search: {service: agent-worker, sync: true, internet: true}
agent_fetch_page: {service: agent-worker, sync: true, internet: true}
{{- end }}

{{/*
The services. `values` names those that there is one deployment of. `pool`, `lists` and `besides` are the connections to
the database of one process: its pools, unless VAI_POOL_SIZE and VAI_LISTS_POOL_SIZE say otherwise; and those for LISTEN,
the lock by which it shows that it lives, the watchdog's looks. A test holds them against the code.
*/}}
{{- define "vai.services" -}}
api-gateway: {values: gateway, pool: 8, lists: 4, besides: 2, decrypts: true, grpc: false}
run-dispatcher: {values: runDispatcher, pool: 4, lists: 0, besides: 2, decrypts: false, grpc: false}
scheduler: {values: scheduler, pool: 8, lists: 0, besides: 2, decrypts: true, grpc: true}
watchdog: {values: watchdog, pool: 4, lists: 0, besides: 3, decrypts: false, grpc: false}
extract-worker: {values: "", pool: 4, lists: 0, besides: 2, decrypts: true, grpc: true}
transform-worker: {values: "", pool: 4, lists: 0, besides: 2, decrypts: true, grpc: true}
agent-worker: {values: "", pool: 4, lists: 0, besides: 2, decrypts: true, grpc: true}
{{- end }}

{{/* name → what the templates need of it. `given` is what the values say, with the defaults under it. */}}
{{- define "vai.workloads" -}}
{{- $root := . -}}
{{- $kinds := include "vai.kinds" . | fromYaml -}}
{{- $services := include "vai.services" . | fromYaml -}}
{{- $all := dict -}}
{{- range $name, $service := $services -}}
  {{- if $service.values -}}
    {{- $given := get $root.Values $service.values -}}
    {{- $isGateway := eq $name "api-gateway" -}}
    {{- $scaled := and $isGateway $given.autoscaling.enabled -}}
    {{- $min := $given.replicas -}}{{- $max := $given.replicas -}}
    {{- if $scaled -}}{{- $min = $given.autoscaling.min -}}{{- $max = $given.autoscaling.max -}}{{- end -}}
    {{- $own := dict "service" $name "given" $given "kinds" list "sync" false "worker" false "scaler" (ternary "hpa" "" $scaled)
        "min" (int $min) "max" (int $max) "faces" (list (ternary "internet" "" (has $name (list "api-gateway" "scheduler"))) (ternary "openlineage" "" (eq $name "scheduler")) | compact) "grace" 45 -}}
    {{- $all = set $all $name $own -}}
  {{- end -}}
{{- end -}}
{{- range $name, $worker := .Values.workers -}}
  {{- $given := mergeOverwrite (deepCopy $root.Values.workerDefaults) (deepCopy $worker) -}}
  {{- $sync := false -}}{{- $faces := list -}}{{- $service := "" -}}
  {{- range $given.kinds -}}
    {{- $kind := get $kinds . -}}
    {{- $service = $service | default $kind.service -}}
    {{- if $kind.sync -}}{{- $sync = true -}}{{- end -}}
    {{- if $kind.internet -}}{{- $faces = list "internet" -}}{{- end -}}
  {{- end -}}
  {{- $least := ternary 1 0 $sync -}}
  {{- if hasKey $given.scaling "min" -}}{{- $least = int $given.scaling.min -}}{{- end -}}
  {{- $replicas := 1 -}}{{- if hasKey $given "replicas" -}}{{- $replicas = int $given.replicas -}}{{- end -}}
  {{- $scaled := and $root.Values.keda.enabled (ne (toString $given.scaling.enabled) "false") -}}
  {{- $own := dict "service" $service "given" $given "kinds" $given.kinds "sync" $sync "worker" true
      "scaler" (ternary "keda" "" $scaled) "min" (ternary $least $replicas $scaled)
      "max" (ternary (int $given.scaling.max) $replicas $scaled) "faces" $faces "grace" (add 7 $given.stopSeconds) -}}
  {{- $all = set $all $name $own -}}
{{- end -}}
{{- range $name, $own := $all -}}
  {{- $service := get $services $own.service -}}
  {{- $env := mergeOverwrite (deepCopy $root.Values.env) (deepCopy (default dict $own.given.env)) -}}
  {{- $pools := 0 -}}
  {{- range $setting, $size := dict "VAI_POOL_SIZE" $service.pool "VAI_LISTS_POOL_SIZE" $service.lists -}}
    {{- if and $size (hasKey $env $setting) -}}{{- $size = get $env $setting -}}{{- end -}}
    {{- $pools = add $pools (int $size) -}}
  {{- end -}}
  {{- $_ := set $own "module" (printf "vai_%s" (replace "-" "_" $own.service)) -}}
  {{- $_ = set $own "decrypts" $service.decrypts -}}
  {{- $_ = set $own "grpc" $service.grpc -}}
  {{- $_ = set $own "env" $env -}}
  {{- $_ = set $own "connections" (add $pools $service.besides) -}}
  {{- $_ = set $own "pod" (mergeOverwrite (deepCopy $root.Values.pods) (deepCopy (default dict $own.given.pod))) -}}
  {{- $spark := ternary (list "spark") list (and (ne $root.Values.spark.url "") (has "duckdb_transform" $own.kinds)) -}}
  {{- $_ = set $own "reaches" (concat (list "dns" "database" "kafka" "lake" "otlp") $spark $own.faces (default list $own.given.reaches)) -}}
{{- end -}}
{{- toYaml $all -}}
{{- end }}

{{/* Connections to the database when everything has its largest number of pods and each deployment rolls. */}}
{{- define "vai.connections" -}}
{{- $sum := int .Values.database.reservedConnections -}}
{{- range $name, $own := include "vai.workloads" . | fromYaml -}}
  {{- $sum = add $sum (mul (add $own.max $.Values.maxSurge) $own.connections) -}}
  {{- if eq $own.scaler "keda" -}}{{- $sum = add $sum 1 -}}{{- end -}}
{{- end -}}
{{- $sum -}}
{{- end }}
