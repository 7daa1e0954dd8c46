{{- define "name" -}}
{{- if .Values.nameOverride }}{{ .Values.nameOverride }}{{ else if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "release" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "labels" -}}
{{ include "selector" . }}
{{ include "release" . }}
{{- end }}

{{- /* Of the exporter: never those of the API, whose service would lead to it. */}}
{{- define "exporter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "exporter.labels" -}}
{{ include "exporter.selector" . }}
{{ include "release" . }}
{{- end }}

{{- /* An image by its digest, or else by its tag, or else by the chart's version: (list CHART IMAGE). */}}
{{- define "image" -}}
{{- $chart := index . 0 }}{{ $image := index . 1 -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default $chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "database" -}}
- {name: POSTGRES_SERVER, value: {{ .Values.database.host | quote }}}
- {name: POSTGRES_PORT, value: {{ .Values.database.port | quote }}}
- {name: POSTGRES_DB, value: {{ .Values.database.name | quote }}}
{{- with .Values.database.sslmode }}
- {name: POSTGRES_SSLMODE, value: {{ . }}}
{{- if hasPrefix "verify-" . }}
- {name: POSTGRES_SSLROOTCERT, value: /run/secrets/stock-assistant/ca.crt}
{{- end }}
{{- end }}
{{- end }}

{{- define "certificate" -}}
{{- if hasPrefix "verify-" (.Values.database.sslmode | default "") }}
- {key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}

{{- /* Where a pod runs, and by which right its images are fetched. */}}
{{- define "placed" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Whom a pod may ask: names, and the database. */}}
{{- define "asked" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
- ports: [{port: {{ .Values.database.port }}, protocol: TCP}]
  {{- with .Values.networkPolicy.database }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
