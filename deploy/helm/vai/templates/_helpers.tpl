{{/* Names, labels, the image. */}}

{{- define "vai.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "vai" .Release.Name -}}
{{- .Release.Name | trunc 30 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-vai" (.Release.Name | trunc 26 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{/* What tells this release's pods from all others; a deployment's selector may never change. */}}
{{- define "vai.instance" -}}
app.kubernetes.io/name: vai
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vai.labels" -}}
{{ include "vai.instance" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Of what operators make pods of: without what selects our own, which operators hand on to theirs. */}}
{{- define "vai.foreign" -}}
app.kubernetes.io/part-of: vai
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "vai.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The Postgres and the Kafka that operators run for us, where they are asked to. */}}
{{- define "vai.postgres" -}}{{ include "vai.fullname" . }}-postgres{{- end }}
{{- define "vai.kafka" -}}{{ include "vai.fullname" . }}-kafka{{- end }}

{{/* Our user in that Kafka. Strimzi writes its password into a Secret of the same name, which has to be nobody else's. */}}
{{- define "vai.kafkaUser" -}}{{ include "vai.kafka" . }}-user{{- end }}

{{- define "vai.databaseSecret" -}}
{{- if .Values.cnpg.enabled -}}{{ include "vai.postgres" . }}-app{{- else -}}{{ .Values.database.existingSecret }}{{- end -}}
{{- end }}

{{- define "vai.brokers" -}}
{{- if .Values.strimzi.enabled -}}
{{ include "vai.kafka" . }}-kafka-bootstrap:9093
{{- else -}}
{{ .Values.kafka.brokers }}
{{- end -}}
{{- end }}

{{/* A quantity of memory in MiB, rounded down; 0 where there is none. */}}
{{- define "vai.mebibytes" -}}
{{- $text := toString . -}}
{{- $unit := regexFind "[KMGTkm]i?$" $text -}}
{{- $bytes := get (dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0) $unit -}}
{{- if $text -}}{{ divf (mulf (trimSuffix $unit $text | float64) $bytes) 1048576.0 | floor | int }}{{- else -}}0{{- end -}}
{{- end }}
