{{/* The parts of a pod that all have: environment, volumes, contexts. */}}

{{/*
The environment as a map from name to a text or a valueFrom: a name cannot stand twice, and what the values say wins.
Takes a dict: root, own (a workload).
*/}}
{{- define "vai.env" -}}
{{- $root := .root -}}{{- $own := .own -}}{{- $values := .root.Values -}}
{{- $env := dict
    "VAI_DATABASE_URL" (dict "valueFrom" (dict "secretKeyRef" (dict "name" (include "vai.databaseSecret" $root) "key" (ternary "uri" "url" $values.cnpg.enabled))))
    "VAI_KAFKA" (include "vai.brokers" $root)
    "VAI_BELL" $values.kafka.bell
    "VAI_LAKE_URL" $values.lake.url
    "VAI_LOG_LEVEL" $values.logLevel
    "VAI_HTTP_HOST" "0.0.0.0"
    "VAI_HTTP_PORT" "8080"
    "MALLOC_ARENA_MAX" "2" -}}
{{- if not $values.cnpg.enabled -}}
  {{- $_ := set $env "VAI_DATABASE_DIRECT_URL" (dict "valueFrom" (dict "secretKeyRef" (dict "name" $values.database.existingSecret "key" "direct-url" "optional" true))) -}}
{{- end -}}
{{- if $values.strimzi.enabled -}}
  {{- $_ := set $env "VAI_TOPIC_REPLICATION" (min 3 (int $values.strimzi.replicas) | toString) -}}
  {{- $_ = set $env "VAI_KAFKA_SECURITY_PROTOCOL" "SASL_SSL" -}}
  {{- $_ = set $env "VAI_KAFKA_USER" (include "vai.kafkaUser" $root) -}}
  {{- $_ = set $env "VAI_KAFKA_PASSWORD" (dict "valueFrom" (dict "secretKeyRef" (dict "name" (include "vai.kafkaUser" $root) "key" "password"))) -}}
  {{- $_ = set $env "VAI_KAFKA_CA_FILE" "/etc/vai/kafka-ca/ca.crt" -}}
{{- else -}}
  {{- $_ := set $env "VAI_TOPIC_REPLICATION" ($values.kafka.topicReplication | int | toString) -}}
  {{- $_ = set $env "VAI_KAFKA_SECURITY_PROTOCOL" $values.kafka.securityProtocol -}}
  {{- with $values.kafka.existingSecret -}}
    {{- $_ = set $env "VAI_KAFKA_SASL_MECHANISM" $values.kafka.saslMechanism -}}
    {{- $_ = set $env "VAI_KAFKA_USER" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "user"))) -}}
    {{- $_ = set $env "VAI_KAFKA_PASSWORD" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "password"))) -}}
  {{- end -}}
  {{- if $values.kafka.caSecret -}}{{- $_ = set $env "VAI_KAFKA_CA_FILE" "/etc/vai/kafka-ca/ca.crt" -}}{{- end -}}
  {{- if $values.kafka.certSecret -}}
    {{- $_ = set $env "VAI_KAFKA_CERT_FILE" "/etc/vai/kafka-cert/tls.crt" -}}
    {{- $_ = set $env "VAI_KAFKA_KEY_FILE" "/etc/vai/kafka-cert/tls.key" -}}
  {{- end -}}
{{- end -}}
{{- with $values.tracing.endpoint -}}
  {{- $_ := set $env "VAI_OTLP_ENDPOINT" . -}}
  {{- $_ = set $env "VAI_TRACE_SAMPLE" (toString $values.tracing.sample) -}}
{{- end -}}
{{- if $values.caBundle.configMap -}}{{- $_ := set $env "SSL_CERT_FILE" (printf "/etc/vai/ca/%s" $values.caBundle.key) -}}{{- end -}}
{{- with $values.allowPrivateAddresses -}}{{- $_ := set $env "VAI_ALLOW_PRIVATE_ADDRESSES" . -}}{{- end -}}
{{- if $own.decrypts -}}
  {{- $_ := set $env "VAI_ENCRYPTION_KEYS" (dict "valueFrom" (dict "secretKeyRef" (dict "name" $values.secrets.existingSecret "key" "encryption-keys"))) -}}
{{- end -}}
{{- if eq $own.service "api-gateway" -}}
  {{- $_ := set $env "VAI_TOKEN_SECRET" (dict "valueFrom" (dict "secretKeyRef" (dict "name" $values.secrets.existingSecret "key" "token-secret"))) -}}
  {{- $_ = set $env "VAI_ADMIN_TOKEN" (dict "valueFrom" (dict "secretKeyRef" (dict "name" $values.secrets.existingSecret "key" "admin-token" "optional" true))) -}}
  {{- $_ = set $env "VAI_METRICS_PORT" "9090" -}}
  {{- $_ = set $env "VAI_PROXIES" ($own.given.proxies | int | toString) -}}
  {{- if $own.given.proxies -}}{{- $_ = set $env "VAI_HTTP_CONNECTIONS_PER_ADDRESS" "0" -}}{{- end -}}
{{- end -}}
{{- if has $own.service (list "api-gateway" "scheduler") -}}
  {{- /* Alerts of the scheduler link to the gateway's pages. */ -}}
  {{- with $values.gateway.publicUrl -}}{{- $_ := set $env "VAI_PUBLIC_URL" . -}}{{- end -}}
{{- end -}}
{{- if eq $own.service "scheduler" -}}
  {{- with $values.openlineage -}}
    {{- if or .url .topic -}}{{- $_ := set $env "VAI_OPENLINEAGE_NAMESPACE" .namespace -}}{{- end -}}
    {{- if .url -}}{{- $_ := set $env "VAI_OPENLINEAGE_URL" .url -}}{{- end -}}
    {{- if .topic -}}{{- $_ := set $env "VAI_OPENLINEAGE_TOPIC" .topic -}}{{- end -}}
    {{- if .existingSecret -}}{{- $_ := set $env "VAI_OPENLINEAGE_API_KEY" (dict "valueFrom" (dict "secretKeyRef" (dict "name" .existingSecret "key" "api-key"))) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $values.spark.url (has "spark" $own.reaches) -}}
  {{- $_ := set $env "VAI_SPARK_URL" $values.spark.url -}}
  {{- with $values.spark.existingSecret -}}
    {{- $_ := set $env "VAI_SPARK_TOKEN" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "token"))) -}}
  {{- end -}}
{{- end -}}
{{- if $own.grpc -}}
  {{- /* The gateway calls a worker at the address that it registers: its pod's. */ -}}
  {{- $_ := set $env "VAI_GRPC_HOST" (dict "valueFrom" (dict "fieldRef" (dict "fieldPath" "status.podIP"))) -}}
  {{- $_ = set $env "VAI_GRPC_PORT" "50051" -}}
  {{- $_ = set $env "VAI_SLOTS" ($own.given.slots | int | toString) -}}
{{- end -}}
{{- if $own.worker -}}
  {{- $_ := set $env "VAI_KINDS" (join "," $own.kinds) -}}
  {{- $_ = set $env "VAI_STOP_SECONDS" ($own.given.stopSeconds | int | toString) -}}
  {{- $_ = set $env "VAI_CHILD_MEMORY_MB" ($own.given.childMemoryMb | int | toString) -}}
{{- end -}}
{{- range $name, $given := $own.env -}}{{- $_ := set $env $name $given -}}{{- end -}}
{{- range $name, $given := $env }}
- name: {{ $name }}
  {{- if kindIs "map" $given }}
  {{- toYaml $given | nindent 2 }}
  {{- else }}
  value: {{ $given | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "vai.envFrom" -}}
{{- $from := .Values.envFrom -}}
{{- with .Values.lake.existingSecret -}}{{- $from = prepend $from (dict "secretRef" (dict "name" .)) -}}{{- end -}}
{{- with $from }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether it reads or writes the lake (the gateway shows tables), and so needs the claim where the lake is a folder. */}}
{{- define "vai.holdsLake" -}}
{{- if and .root.Values.lake.existingClaim (has .own.service (list "api-gateway" "extract-worker" "transform-worker")) -}}yes{{- end -}}
{{- end }}

{{- define "vai.mounts" -}}
{{- $values := .root.Values -}}
- {name: tmp, mountPath: /tmp}
{{- if or $values.strimzi.enabled $values.kafka.caSecret }}
- {name: kafka-ca, mountPath: /etc/vai/kafka-ca, readOnly: true}
{{- end }}
{{- if and $values.kafka.certSecret (not $values.strimzi.enabled) }}
- {name: kafka-cert, mountPath: /etc/vai/kafka-cert, readOnly: true}
{{- end }}
{{- if $values.caBundle.configMap }}
- {name: ca, mountPath: /etc/vai/ca, readOnly: true}
{{- end }}
{{- if include "vai.holdsLake" . }}
- {name: lake, mountPath: {{ trimPrefix "file://" $values.lake.url }}}
{{- end }}
{{- with .own.pod.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "vai.volumes" -}}
{{- $values := .root.Values -}}
- name: tmp
  emptyDir: {sizeLimit: {{ .own.given.scratch | default "1Gi" }}}
{{- if or $values.strimzi.enabled $values.kafka.caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ ternary (printf "%s-cluster-ca-cert" (include "vai.kafka" .root)) $values.kafka.caSecret $values.strimzi.enabled }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- if and $values.kafka.certSecret (not $values.strimzi.enabled) }}
- name: kafka-cert
  secret: {secretName: {{ $values.kafka.certSecret }}, defaultMode: 0440}
{{- end }}
{{- with $values.caBundle.configMap }}
- name: ca
  configMap: {name: {{ . }}}
{{- end }}
{{- if include "vai.holdsLake" . }}
- name: lake
  persistentVolumeClaim: {claimName: {{ $values.lake.existingClaim }}}
{{- end }}
{{- with .own.pod.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where a pod may stand, who it is, what it may do. Restricted, unless `pods` says otherwise. */}}
{{- define "vai.place" -}}
{{- $pod := .own.pod -}}
serviceAccountName: {{ .root.Values.serviceAccount.name | default (include "vai.fullname" .root) }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  {{- toYaml $pod.securityContext | nindent 2 }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.extra }}
{{ toYaml . }}
{{- end }}
{{- end }}
