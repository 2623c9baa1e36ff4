{{/* Names. A StatefulSet's name plus a revision hash must fit into a label of 63 characters. */}}
{{- define "symbl-worker.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Selectors are immutable: these three labels and no others, and no value may change them. Takes (list root component). */}}
{{- define "symbl-worker.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Takes (list root component). */}}
{{- define "symbl-worker.labels" -}}
{{- $root := index . 0 -}}
{{ include "symbl-worker.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "symbl-worker.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "symbl-worker.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "symbl-worker.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* The time Kubernetes waits before it kills: the drain deadline plus a margin. Takes worker or engine values. */}}
{{- define "symbl-worker.gracePeriod" -}}
{{ add (int (ceil .shutdownSeconds)) (int .terminationMarginSeconds) }}
{{- end -}}

{{/* A setting as text. Numbers arrive as floats: whole ones must not become 6.7e+07. */}}
{{- define "symbl-worker.scalar" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}{{ int64 . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{- define "symbl-worker.sasl" -}}
{{- if hasPrefix "SASL" .Values.kafka.securityProtocol -}}true{{- end -}}
{{- end -}}

{{- define "symbl-worker.kafkaCa" -}}
{{- if or .Values.kafka.ca.existingConfigMap .Values.kafka.ca.existingSecret -}}true{{- end -}}
{{- end -}}

{{- define "symbl-worker.symblCa" -}}
{{- if or .Values.symbl.ca.existingConfigMap .Values.symbl.ca.existingSecret -}}true{{- end -}}
{{- end -}}

{{/* Scheme of the engine, and name of its port: a PodMonitor tells both roles apart by it. */}}
{{- define "symbl-worker.engineScheme" -}}
{{- if .Values.engine.tls.existingSecret -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{- define "symbl-worker.symblSecretName" -}}
{{- if .Values.symbl.appSecret -}}{{ include "symbl-worker.fullname" . }}-symbl{{- else -}}{{ .Values.symbl.existingSecret }}{{- end -}}
{{- end -}}

{{- define "symbl-worker.kafkaSecretName" -}}
{{- if .Values.kafka.sasl.password -}}{{ include "symbl-worker.fullname" . }}-kafka{{- else -}}{{ .Values.kafka.sasl.existingSecret }}{{- end -}}
{{- end -}}

{{- define "symbl-worker.baseUrl" -}}
{{- if .Values.symbl.baseUrl -}}
{{ .Values.symbl.baseUrl }}
{{- else -}}
{{ include "symbl-worker.engineScheme" . }}://{{ include "symbl-worker.fullname" . }}-engine:{{ .Values.engine.port }}
{{- end -}}
{{- end -}}

{{/* Settings of both roles, as YAML of a map. */}}
{{- define "symbl-worker.commonSettings" -}}
LOG__LEVEL: {{ .Values.log.level | quote }}
LOG__FORMAT: {{ .Values.log.format | quote }}
{{- end -}}

{{- define "symbl-worker.workerSettings" -}}
{{ include "symbl-worker.commonSettings" . }}
HTTP__HOST: "0.0.0.0"
HTTP__PORT: {{ .Values.http.port | quote }}
KAFKA__BOOTSTRAP_SERVERS: {{ .Values.kafka.bootstrapServers | quote }}
KAFKA__SECURITY_PROTOCOL: {{ .Values.kafka.securityProtocol | quote }}
{{- if include "symbl-worker.sasl" . }}
KAFKA__SASL_MECHANISM: {{ .Values.kafka.sasl.mechanism | quote }}
KAFKA__SASL_USERNAME: {{ .Values.kafka.sasl.username | quote }}
KAFKA__SASL_PASSWORD_FILE: /run/secrets/kafka/password
{{- end }}
{{- if include "symbl-worker.kafkaCa" . }}
KAFKA__SSL_CAFILE: /run/secrets/kafka-ca/ca.crt
{{- end }}
TOPICS__AUDIO: {{ .Values.topics.audio | quote }}
TOPICS__CAPTIONS: {{ .Values.topics.captions | quote }}
TOPICS__TRANSCRIPTS: {{ .Values.topics.transcripts | quote }}
TOPICS__REDACTED: {{ .Values.topics.redacted | quote }}
TOPICS__INSIGHTS: {{ .Values.topics.insights | quote }}
TOPICS__CONVERSATIONS: {{ .Values.topics.conversations | quote }}
TOPICS__DEAD_LETTERS: {{ .Values.topics.deadLetters | quote }}
TOPICS__STATE: {{ .Values.topics.state | quote }}
SYMBL__BASE_URL: {{ include "symbl-worker.baseUrl" . | quote }}
SYMBL__APP_ID: {{ .Values.symbl.appId | quote }}
SYMBL__APP_SECRET_FILE: /run/secrets/symbl/app-secret
WORKER__GROUP_ID: {{ .Values.worker.groupId | quote }}
WORKER__SHUTDOWN_SECONDS: {{ include "symbl-worker.scalar" .Values.worker.shutdownSeconds | quote }}
{{- end -}}

{{- define "symbl-worker.engineSettings" -}}
{{ include "symbl-worker.commonSettings" . }}
ENGINE__HOST: "0.0.0.0"
ENGINE__PORT: {{ .Values.engine.port | quote }}
ENGINE__APP_ID: {{ .Values.symbl.appId | quote }}
ENGINE__APP_SECRET_FILE: /run/secrets/symbl/app-secret
ENGINE__DRAIN_SECONDS: {{ include "symbl-worker.scalar" .Values.engine.shutdownSeconds | quote }}
{{- if .Values.engine.tokenKey.existingSecret }}
ENGINE__TOKEN_KEY_FILE: /run/secrets/engine/token-key
{{- end }}
{{- if .Values.engine.accounts.existingSecret }}
ENGINE__ACCOUNTS_FILE: {{ printf "/run/secrets/engine-accounts/%s" .Values.engine.accounts.key | quote }}
{{- end }}
{{- if .Values.engine.store.existingSecret }}
ENGINE__STORE_URL_FILE: /run/secrets/engine-database/url
{{- else }}
ENGINE__STORE_URL: sqlite:////var/lib/engine/conversations.db
{{- end }}
{{- if .Values.engine.tls.existingSecret }}
ENGINE__TLS_CERTIFICATE_FILE: /run/secrets/engine-tls/tls.crt
ENGINE__TLS_KEY_FILE: /run/secrets/engine-tls/tls.key
{{- end }}
{{- end -}}

{{/* The chart's own settings and the free ones. A free one may not hide one of the chart's own, nor be the same secret given
     in another way: the chart depends on those being true. Takes (dict own, free, path). */}}
{{- define "symbl-worker.mergedSettings" -}}
{{- $settings := fromYaml .own -}}
{{- range $name, $value := .free -}}
{{- if or (hasKey $settings $name) (hasKey $settings (printf "%s_FILE" $name)) (hasKey $settings (trimSuffix "_FILE" $name)) (eq $name "WORKER__INSTANCE_ID") -}}
{{- fail (printf "%s.%s: the chart sets this name itself, use the chart's own value for it" $.path $name) -}}
{{- end -}}
{{- $_ := set $settings $name (include "symbl-worker.scalar" $value) -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{- define "symbl-worker.workerConfig" -}}
{{- include "symbl-worker.mergedSettings" (dict "own" (include "symbl-worker.workerSettings" .) "free" .Values.worker.settings "path" "worker.settings") -}}
{{- end -}}

{{- define "symbl-worker.engineConfig" -}}
{{- include "symbl-worker.mergedSettings" (dict "own" (include "symbl-worker.engineSettings" .) "free" .Values.engine.settings "path" "engine.settings") -}}
{{- end -}}

{{/* The restricted profile of the Pod Security Standards. */}}
{{- define "symbl-worker.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "symbl-worker.containerSecurityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What the pods of both roles share. Service links are off: Kubernetes would put variables of every Service of the
     namespace into the environment, where settings are read from. Takes (dict root, values, component). */}}
{{- define "symbl-worker.podCommon" -}}
serviceAccountName: {{ include "symbl-worker.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- include "symbl-worker.podSecurityContext" . | nindent 2 }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- $selector := dict "matchLabels" (fromYaml (include "symbl-worker.selectorLabels" (list .root .component))) }}
  {{- range .values.topologySpreadConstraints }}
  - {{- toYaml (merge (dict "labelSelector" $selector) .) | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Slow starts (state restored, models loaded) are for the startup probe; a live process is left alone for a minute. Kubernetes
     does not verify certificates when it probes. Takes the name of the port, which is the scheme. */}}
{{- define "symbl-worker.probes" -}}
startupProbe:
  httpGet: {path: /health/live, port: {{ . }}, scheme: {{ upper . }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /health/live, port: {{ . }}, scheme: {{ upper . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: {{ . }}, scheme: {{ upper . }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* Secrets are mounted as whole directories: a subPath mount would never see a rotation. Takes symblSecret,
     symblKey, kafkaSecret, kafkaKey, kafkaCa, symblCa, tokenKey, accounts, database, store and tls; what is missing is left out. */}}
{{- define "symbl-worker.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .symblSecret }}
- name: symbl-secret
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - key: {{ $.symblKey }}
        path: app-secret
{{- end }}
{{- with .kafkaSecret }}
- name: kafka-secret
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - key: {{ $.kafkaKey }}
        path: password
{{- end }}
{{- with .tokenKey }}
- name: engine-secret
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: token-key
{{- end }}
{{- with .accounts }}
- name: engine-accounts
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
{{- end }}
{{- with .database }}
- name: engine-database
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: url
{{- end }}
{{- with .tls }}
- name: engine-tls
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - key: tls.crt
        path: tls.crt
      - key: tls.key
        path: tls.key
{{- end }}
{{- with .store }}
- name: store
  {{- if .existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .existingClaim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .sizeLimit }}
  {{- end }}
{{- end }}
{{- with .kafkaCa }}
- name: kafka-ca
  {{- include "symbl-worker.caSource" . | nindent 2 }}
{{- end }}
{{- with .symblCa }}
- name: symbl-ca
  {{- include "symbl-worker.caSource" . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A certificate authority as a volume. Takes existingConfigMap or existingSecret, and key. */}}
{{- define "symbl-worker.caSource" -}}
{{- if .existingConfigMap -}}
configMap:
  name: {{ .existingConfigMap }}
{{- else -}}
secret:
  secretName: {{ .existingSecret }}
{{- end }}
  defaultMode: 0444
  items:
    - key: {{ .key }}
      path: ca.crt
{{- end -}}

{{- define "symbl-worker.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .symblSecret }}
- name: symbl-secret
  mountPath: /run/secrets/symbl
  readOnly: true
{{- end }}
{{- if .kafkaSecret }}
- name: kafka-secret
  mountPath: /run/secrets/kafka
  readOnly: true
{{- end }}
{{- if .tokenKey }}
- name: engine-secret
  mountPath: /run/secrets/engine
  readOnly: true
{{- end }}
{{- if .accounts }}
- name: engine-accounts
  mountPath: /run/secrets/engine-accounts
  readOnly: true
{{- end }}
{{- if .database }}
- name: engine-database
  mountPath: /run/secrets/engine-database
  readOnly: true
{{- end }}
{{- if .tls }}
- name: engine-tls
  mountPath: /run/secrets/engine-tls
  readOnly: true
{{- end }}
{{- if .store }}
- name: store
  mountPath: /var/lib/engine
{{- end }}
{{- if .kafkaCa }}
- name: kafka-ca
  mountPath: /run/secrets/kafka-ca
  readOnly: true
{{- end }}
{{- if .symblCa }}
- name: symbl-ca
  mountPath: /run/secrets/symbl-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* Secrets and certificates by role, as YAML of the arguments of the two helpers above. */}}
{{- define "symbl-worker.workerSecrets" -}}
symblSecret: {{ include "symbl-worker.symblSecretName" . | quote }}
symblKey: {{ not (empty .Values.symbl.appSecret) | ternary "app-secret" .Values.symbl.appSecretKey | quote }}
{{- if include "symbl-worker.sasl" . }}
kafkaSecret: {{ include "symbl-worker.kafkaSecretName" . | quote }}
kafkaKey: {{ not (empty .Values.kafka.sasl.password) | ternary "password" .Values.kafka.sasl.passwordKey | quote }}
{{- end }}
{{- if include "symbl-worker.kafkaCa" . }}
kafkaCa:
  {{- toYaml .Values.kafka.ca | nindent 2 }}
{{- end }}
{{- if include "symbl-worker.symblCa" . }}
symblCa:
  {{- toYaml .Values.symbl.ca | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "symbl-worker.engineSecrets" -}}
symblSecret: {{ include "symbl-worker.symblSecretName" . | quote }}
symblKey: {{ not (empty .Values.symbl.appSecret) | ternary "app-secret" .Values.symbl.appSecretKey | quote }}
{{- if .Values.engine.tokenKey.existingSecret }}
tokenKey:
  {{- toYaml .Values.engine.tokenKey | nindent 2 }}
{{- end }}
{{- if .Values.engine.accounts.existingSecret }}
accounts:
  {{- toYaml .Values.engine.accounts | nindent 2 }}
{{- end }}
{{- if .Values.engine.tls.existingSecret }}
tls:
  {{- toYaml .Values.engine.tls | nindent 2 }}
{{- end }}
{{ not (empty .Values.engine.store.existingSecret) | ternary "database" "store" }}:
  {{- toYaml .Values.engine.store | nindent 2 }}
{{- end -}}

{{/* Values of the engine that cannot work together. */}}
{{- define "symbl-worker.checkEngine" -}}
{{- $store := .Values.engine.store -}}
{{- $ownTls := and .Values.engine.tls.existingSecret (not .Values.symbl.baseUrl) -}}
{{- if and $store.existingSecret $store.existingClaim -}}
{{- fail "engine.store: existingSecret is for PostgreSQL and existingClaim for SQLite, set one of them" -}}
{{- end -}}
{{- if and $store.existingClaim (gt (int .Values.engine.replicas) 1) -}}
{{- fail "engine.store.existingClaim: a SQLite file is for one engine; more replicas need PostgreSQL (engine.store.existingSecret)" -}}
{{- end -}}
{{- range $name := list "ENGINE__TLS_CERTIFICATE_FILE" "ENGINE__TLS_KEY_FILE" -}}
{{- if hasKey $.Values.engine.settings $name -}}
{{- fail (printf "engine.settings.%s: use engine.tls.existingSecret; probes and the worker have to know, too" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $ownTls (not (include "symbl-worker.symblCa" .)) -}}
{{- fail "symbl.ca: the worker has to know the authority of the engine's certificate (engine.tls), since only a private one can name the Service; or set symbl.baseUrl to a name that a public one knows" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.engine.tls.existingSecret .Values.symbl.baseUrl (not .Values.podMonitor.engineTlsConfig) -}}
{{- fail "podMonitor.engineTlsConfig: pods are scraped by address; say which serverName, and ca if it is private, Prometheus finds in the certificate of engine.tls" -}}
{{- end -}}
{{- end -}}
