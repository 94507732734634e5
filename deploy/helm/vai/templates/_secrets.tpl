{{/*
What is missing in the cluster: the Secrets that the values name, and their keys, as a list of sentences. Only helm install
and upgrade can look (and a dry run on the server); `helm template`, and so GitOps, sees no cluster and says nothing here.
*/}}
{{- define "vai.missing" -}}
{{- $missing := list -}}
{{- $namespace := .Release.Namespace -}}
{{- if lookup "v1" "Namespace" "" $namespace -}}
  {{- $made := .Values.externalSecrets.secrets -}}
  {{- range $name, $keys := include "vai.secretKeys" . | fromYaml -}}
    {{- if not (hasKey $made $name) -}}
      {{- $there := lookup "v1" "Secret" $namespace $name -}}
      {{- if not $there -}}
        {{- $missing = append $missing (printf "there is no Secret %s in the namespace %s: make it, with %s (docs/kubernetes.md)" $name $namespace (join ", " $keys | default "its variables")) -}}
      {{- else -}}
        {{- range $keys -}}
          {{- if not (hasKey (default dict $there.data) .) -}}
            {{- $missing = append $missing (printf "the Secret %s in the namespace %s has no key %s: add it (docs/kubernetes.md)" $name $namespace .) -}}
          {{- end -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toYaml $missing -}}
{{- end }}

{{/* The Secrets that somebody has to make → the keys that each must have. One may serve for several things. */}}
{{- define "vai.secretKeys" -}}
{{- $values := .Values -}}
{{- $needed := list (list $values.secrets.existingSecret "encryption-keys" "token-secret") -}}
{{- if not $values.cnpg.enabled -}}{{- $needed = append $needed (list $values.database.existingSecret "url") -}}{{- end -}}
{{- with $values.lake.existingSecret -}}{{- $needed = append $needed (list .) -}}{{- end -}}
{{- if not $values.strimzi.enabled -}}
  {{- with $values.kafka.existingSecret -}}{{- $needed = append $needed (list . "user" "password") -}}{{- end -}}
  {{- with $values.kafka.caSecret -}}{{- $needed = append $needed (list . "ca.crt") -}}{{- end -}}
  {{- with $values.kafka.certSecret -}}{{- $needed = append $needed (list . "tls.crt" "tls.key") -}}{{- end -}}
{{- end -}}
{{- if $values.keda.enabled -}}
  {{- $needed = append $needed (concat (list $values.keda.existingSecret) (ternary (list "username" "password") (list "connection") $values.cnpg.enabled)) -}}
{{- end -}}
{{- with $values.openlineage.existingSecret -}}{{- $needed = append $needed (list . "api-key") -}}{{- end -}}
{{- with $values.spark.existingSecret -}}{{- $needed = append $needed (list . "token") -}}{{- end -}}
{{- range $values.image.pullSecrets -}}{{- $needed = append $needed (list . ".dockerconfigjson") -}}{{- end -}}
{{- $keys := dict -}}
{{- range $needed -}}
  {{- $_ := set $keys (first .) (concat (default list (get $keys (first .))) (rest .) | uniq) -}}
{{- end -}}
{{- toYaml $keys -}}
{{- end }}
