{{- define "vtsecops.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name }}{{ end }}
{{- end }}

{{- /* What a selector looks for: never changes. Called with a list: the root, the component. */}}
{{- define "vtsecops.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "vtsecops.labels" -}}
{{- $root := index . 0 -}}
{{ include "vtsecops.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- /* What all pods have. Called with a list: the root, the component, its values. */}}
{{- define "vtsecops.pod" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
serviceAccountName: {{ include "vtsecops.name" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "vtsecops.selector" . | nindent 8 }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What all containers have, but for the command's arguments, ports and probes. Called as above. */}}
{{- define "vtsecops.container" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.image -}}
name: {{ index . 1 }}
image: {{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ $image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{- toYaml (index . 2).resources | nindent 2 }}
{{- end }}

{{- /* The key, and settings. Called with a list: the root, the secret with the key, the settings. */}}
{{- define "vtsecops.settings" -}}
{{- if (index . 0).Values.authority.name }}
- {name: VTSECOPS_CA_FILE, value: /etc/vtsecops/authority/ca.crt}
{{- end }}
{{- with index . 1 }}{{ if .name }}
- name: VTSECOPS_API_KEY
  valueFrom:
    secretKeyRef: {{- toYaml . | nindent 6 }}
{{- end }}{{ end }}
{{- range $name, $value := index . 2 }}
- name: VTSECOPS_{{ upper $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{- /* Where the cases are. The password is a variable of its own, so that the address can be shown. */}}
{{- define "vtsecops.database" -}}
{{- if .Values.database.authority.name }}
- {name: PGSSLROOTCERT, value: /etc/vtsecops/database-authority/ca.crt}
{{- end }}
- name: VTSECOPS_DATABASE
  value: {{ .Values.database.url | quote }}
{{- with .Values.database.passwordSecret }}{{ if .name }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {{- toYaml . | nindent 6 }}
{{- end }}{{ end }}
{{- end }}

{{- /* Folders that are written to, and the authorities of one's own. The volume "state" is the component's. */}}
{{- define "vtsecops.mounts" -}}
- {name: state, mountPath: /var/lib/vtsecops}
- {name: cache, mountPath: /var/cache/vtsecops}
- {name: temporary, mountPath: /tmp}
{{- if .Values.authority.name }}
- {name: authority, mountPath: /etc/vtsecops/authority, readOnly: true}
{{- end }}
{{- end }}

{{- define "vtsecops.volumes" -}}
- {name: cache, emptyDir: {}}
- {name: temporary, emptyDir: {}}
{{- with .Values.authority }}{{ if .name }}
- {name: authority, configMap: {name: {{ .name }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}}
{{- end }}{{ end }}
{{- end }}

{{- /* What those have who work with the database. */}}
{{- define "vtsecops.databaseMounts" -}}
- {name: seal-key, mountPath: /etc/vtsecops/seal, readOnly: true}
{{- if .Values.database.authority.name }}
- {name: database-authority, mountPath: /etc/vtsecops/database-authority, readOnly: true}
{{- end }}
{{- end }}

{{- define "vtsecops.databaseVolumes" -}}
- {name: state, emptyDir: {}}
- name: seal-key
  secret:
    secretName: {{ .Values.sealKeySecret.name }}
    defaultMode: 0440
    items: [{key: {{ .Values.sealKeySecret.key | quote }}, path: workdesk.key}]
{{- with .Values.database.authority }}{{ if .name }}
- {name: database-authority, configMap: {name: {{ .name }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}}
{{- end }}{{ end }}
{{- end }}

{{- /* Called with a list: the port's name, the scheme. */}}
{{- define "vtsecops.probes" -}}
{{- $port := index . 0 -}}
{{- $scheme := index . 1 -}}
# A new database is given its tables first.
startupProbe:
  httpGet: {path: /healthz, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ $port }}, scheme: {{ $scheme }}}
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: {{ $port }}, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 3
# Until everybody knows that it takes no more requests.
lifecycle:
  preStop: {sleep: {seconds: 5}}
{{- end }}
