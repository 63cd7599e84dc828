"""The workloads that several tests use.

Debian's busybox wget dies of a segmentation fault with -T: the tests say `timeout N wget`.
"""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  strategy:
    type: RollingUpdate  # without it each apply sends {"$retainKeys": ["rollingUpdate"]}, as stock kubectl does
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  template:
    metadata:
      labels: {app: web}
    spec:
      terminationGracePeriodSeconds: 5
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 5}
      containers:
      - name: web
        image: busybox
        command: [sh, -c, "mkdir -p /www && echo $(hostname) $VERSION > /www/index.html && exec httpd -f -p 80 -h /www"]
        env:
        - {name: VERSION, value: "1"}
        ports:
        - {containerPort: 80, name: http}
        readinessProbe:
          httpGet: {path: /, port: http}
          periodSeconds: 1
        lifecycle:
          preStop:
            exec: {command: [sleep, "2"]}
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: NodePort
  selector: {app: web}
  ports:
  - {port: 80, targetPort: http}
"""

CLIENT = """
apiVersion: v1
kind: Pod
metadata:
  name: client
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: client
    image: busybox
    command: [sleep, "3600"]
"""
