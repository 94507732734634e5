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

{{/* A quantity of memory in MiB, rounded down; 0 where it is written in a way that we do not read. */}}
{{- define "vai.mebibytes" -}}
{{- $text := toString . -}}
{{- if hasSuffix "Gi" $text -}}{{ mulf (trimSuffix "Gi" $text | float64) 1024.0 | floor | int }}
{{- else if hasSuffix "Mi" $text -}}{{ trimSuffix "Mi" $text | float64 | floor | int }}
{{- else -}}0{{- end -}}
{{- end }}
