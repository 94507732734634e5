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

{{/* The Secrets that somebody has to make → the keys that each must have. */}}
{{- define "vai.secretKeys" -}}
{{- $values := .Values -}}
{{- $keys := dict $values.secrets.existingSecret (list "encryption-keys" "token-secret") -}}
{{- if not $values.cnpg.enabled -}}{{- $_ := set $keys $values.database.existingSecret (list "url") -}}{{- end -}}
{{- with $values.lake.existingSecret -}}{{- $_ := set $keys . list -}}{{- end -}}
{{- if not $values.strimzi.enabled -}}
  {{- with $values.kafka.existingSecret -}}{{- $_ := set $keys . (list "user" "password") -}}{{- end -}}
  {{- with $values.kafka.caSecret -}}{{- $_ := set $keys . (list "ca.crt") -}}{{- end -}}
  {{- with $values.kafka.certSecret -}}{{- $_ := set $keys . (list "tls.crt" "tls.key") -}}{{- end -}}
{{- end -}}
{{- if $values.keda.enabled -}}
  {{- $_ := set $keys $values.keda.existingSecret (ternary (list "username" "password") (list "connection") $values.cnpg.enabled) -}}
{{- end -}}
{{- range $values.image.pullSecrets -}}{{- $_ := set $keys . (list ".dockerconfigjson") -}}{{- end -}}
{{- toYaml $keys -}}
{{- end }}
