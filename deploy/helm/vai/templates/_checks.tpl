{{/* What the schema cannot see: values that do not fit together. All faults are told at once. */}}
{{- define "vai.checks" -}}
{{- $root := . -}}
{{- $kinds := include "vai.kinds" . | fromYaml -}}
{{- $services := include "vai.services" . | fromYaml -}}
{{- $workloads := include "vai.workloads" . | fromYaml -}}
{{- $targets := concat (list "dns" "database" "kafka" "lake" "otlp" "openlineage" "spark" "internet") (keys .Values.networkPolicy.targets) -}}
{{- $wrong := list -}}
{{- $served := list -}}
{{- range $name, $worker := .Values.workers -}}
  {{- if or (has $name (list "migrate" "test" "deny")) (dig $name "values" "" $services) -}}
    {{- $wrong = append $wrong (printf "workers.%s: something of the platform has this name; choose another" $name) -}}
  {{- end -}}
  {{- $own := get $workloads $name -}}
  {{- range $worker.kinds -}}
    {{- if gt (int $own.max) 0 -}}{{- $served = append $served . -}}{{- end -}}
    {{- if ne (get $kinds .).service $own.service -}}
      {{- $wrong = append $wrong (printf "workers.%s.kinds: %s is of the %s, the first kind is of the %s; make two workers" $name . (get $kinds .).service $own.service) -}}
    {{- end -}}
  {{- end -}}
  {{- if eq $own.scaler "keda" -}}
    {{- if and $own.sync (lt (int $own.min) 1) -}}
      {{- $wrong = append $wrong (printf "workers.%s.scaling.min is 0, and somebody waits for its kinds (SYNC): say 1 or more" $name) -}}
    {{- end -}}
    {{- if gt (int $own.min) (int $own.max) -}}
      {{- $wrong = append $wrong (printf "workers.%s.scaling: min %d is more than max %d" $name (int $own.min) (int $own.max)) -}}
    {{- end -}}
  {{- end -}}
  {{- $limit := int (include "vai.mebibytes" (dig "resources" "limits" "memory" "" $own.given)) -}}
  {{- if and $limit (ge (int $own.given.childMemoryMb) $limit) -}}
    {{- $wrong = append $wrong (printf "workers.%s.childMemoryMb is %d, and the pod has %d MiB (resources.limits.memory): one heavy run would end the whole worker" $name (int $own.given.childMemoryMb) $limit) -}}
  {{- end -}}
{{- end -}}
{{- range $kind, $_ := $kinds -}}
  {{- if not (or (has $kind $served) (has $kind $root.Values.unservedKinds)) -}}
    {{- $wrong = append $wrong (printf "no worker serves %s: its runs would wait for ever. Add a worker, or name it in unservedKinds" $kind) -}}
  {{- end -}}
{{- end -}}
{{- range $name, $own := $workloads -}}
  {{- range list "VAI_POOL_SIZE" "VAI_LISTS_POOL_SIZE" -}}
    {{- if and (hasKey $own.env .) (not (regexMatch "^[0-9]+$" (toString (get $own.env .)))) -}}
      {{- $wrong = append $wrong (printf "%s.env.%s must be a number that stands here: connections are counted by it" $name .) -}}
    {{- end -}}
  {{- end -}}
  {{- range $own.reaches -}}
    {{- if not (has . $targets) -}}
      {{- $wrong = append $wrong (printf "%s.reaches names %s, which networkPolicy.targets does not have" $name .) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- with .Values.gateway.autoscaling -}}
  {{- if and .enabled (gt (int .min) (int .max)) -}}
    {{- $wrong = append $wrong (printf "gateway.autoscaling: min %d is more than max %d" (int .min) (int .max)) -}}
  {{- end -}}
{{- end -}}
{{- $need := int (include "vai.connections" .) -}}
{{- if gt $need (int .Values.database.maxConnections) -}}
  {{- $parts := list -}}
  {{- range $name, $own := $workloads -}}{{- $parts = append $parts (printf "%s (%d+%d)×%d" $name (int $own.max) (int $root.Values.maxSurge) (int $own.connections)) -}}{{- end -}}
  {{- $wrong = append $wrong (printf "the pods may need %d connections to the database, and database.maxConnections is %d: %s, and %d reserved. Raise max_connections of Postgres and say so here, or lower the largest numbers of pods" $need (int .Values.database.maxConnections) (join ", " $parts) (int .Values.database.reservedConnections)) -}}
{{- end -}}
{{- if and (hasPrefix "file:" .Values.lake.url) (not .Values.lake.existingClaim) -}}
  {{- $wrong = append $wrong "lake.url is a folder, and lake.existingClaim is empty: each pod would have a lake of its own. Name a claim that many pods may write (ReadWriteMany)" -}}
{{- end -}}
{{- if has .Values.lake.existingSecret (list .Values.secrets.existingSecret .Values.database.existingSecret) -}}
  {{- $wrong = append $wrong (printf "lake.existingSecret is %s, whose keys all become variables of every pod: give the lake a Secret of its own" .Values.lake.existingSecret) -}}
{{- end -}}
{{- if not .Values.strimzi.enabled -}}
  {{- if ne (hasPrefix "SASL" .Values.kafka.securityProtocol) (ne .Values.kafka.existingSecret "") -}}
    {{- $wrong = append $wrong (printf "kafka.securityProtocol is %s: SASL_SSL and SASL_PLAINTEXT want kafka.existingSecret, the others do not take it" .Values.kafka.securityProtocol) -}}
  {{- end -}}
  {{- if and (or .Values.kafka.caSecret .Values.kafka.certSecret) (not (hasSuffix "SSL" .Values.kafka.securityProtocol)) -}}
    {{- $wrong = append $wrong (printf "kafka.securityProtocol is %s, which takes no certificates (kafka.caSecret, kafka.certSecret)" .Values.kafka.securityProtocol) -}}
  {{- end -}}
{{- end -}}
{{- if eq .Values.migrations.mode "hook" -}}
  {{- if .Values.cnpg.enabled -}}
    {{- $wrong = append $wrong "migrations.mode is hook, which runs before the chart has made the database (cnpg.enabled): say job" -}}
  {{- end -}}
  {{- if hasKey .Values.externalSecrets.secrets .Values.database.existingSecret -}}
    {{- $wrong = append $wrong "migrations.mode is hook, which runs before externalSecrets have made the database's secret: say job" -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.externalSecrets.secrets (not .Values.externalSecrets.store.name) -}}
  {{- $wrong = append $wrong "externalSecrets.secrets want externalSecrets.store.name" -}}
{{- end -}}
{{- $made := list -}}
{{- if .Values.strimzi.enabled -}}{{- $made = append $made (include "vai.kafkaUser" .) -}}{{- end -}}
{{- if .Values.cnpg.enabled -}}{{- $made = append $made (printf "%s-app" (include "vai.postgres" .)) -}}{{- end -}}
{{- $named := concat (keys (include "vai.secretKeys" . | fromYaml)) (keys .Values.externalSecrets.secrets) -}}
{{- range $made -}}
  {{- if has . $named -}}
    {{- $wrong = append $wrong (printf "the Secret %s is made by an operator, which would write over yours: give yours another name" .) -}}
  {{- end -}}
{{- end -}}
{{- range include "vai.missing" . | fromYamlArray -}}{{- $wrong = append $wrong . -}}{{- end -}}
{{- if $wrong -}}{{- fail (printf "\n\nThe values do not fit together:\n  - %s\n" (join "\n  - " $wrong)) -}}{{- end -}}
{{- end }}
