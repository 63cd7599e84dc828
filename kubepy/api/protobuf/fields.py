"""Field numbers of Kubernetes' protobuf messages (the published wire format of k8s.io/api).

A line per message: ``name=number``. A ``*`` behind the number marks a field that is a pointer in Go,
so that a zero on the wire was said on purpose; without it a zero means "not set". ``+Message=number``
is a message whose fields stand in the parent's JSON themselves.
"""

from __future__ import annotations

from typing import NamedTuple

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
CORE, APPS, BATCH = "io.k8s.api.core.v1", "io.k8s.api.apps.v1", "io.k8s.api.batch.v1"
RBAC, POLICY, NETWORKING = "io.k8s.api.rbac.v1", "io.k8s.api.policy.v1", "io.k8s.api.networking.v1"
SCHEDULING, CERTIFICATES = "io.k8s.api.scheduling.v1", "io.k8s.api.certificates.v1"
AUTHENTICATION, AUTHORIZATION = "io.k8s.api.authentication.v1", "io.k8s.api.authorization.v1"
HPA1, HPA2 = "io.k8s.api.autoscaling.v1", "io.k8s.api.autoscaling.v2"
COORDINATION = "io.k8s.api.coordination.v1"

_OBJECT = "metadata=1 spec=2 status=3"

_TABLE = {
    META: """
        ObjectMeta name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7 \
creationTimestamp=8 deletionTimestamp=9 deletionGracePeriodSeconds=10* labels=11 annotations=12 \
ownerReferences=13 finalizers=14
        OwnerReference kind=1 name=3 uid=4 apiVersion=5 controller=6* blockOwnerDeletion=7*
        LabelSelector matchLabels=1 matchExpressions=2
        LabelSelectorRequirement key=1 operator=2 values=3
        DeleteOptions gracePeriodSeconds=1* preconditions=2* orphanDependents=3* propagationPolicy=4* dryRun=5
        Preconditions uid=1* resourceVersion=2*
    """,
    CORE: f"""
        Binding metadata=1 target=2
        ObjectReference kind=1 namespace=2 name=3 uid=4 apiVersion=5 resourceVersion=6 fieldPath=7
        LocalObjectReference name=1
        Namespace {_OBJECT}
        NamespaceSpec finalizers=1
        NamespaceStatus phase=1 conditions=2
        ConfigMap metadata=1 data=2 binaryData=3 immutable=4*
        Secret metadata=1 data=2 type=3 stringData=4 immutable=5*
        ServiceAccount metadata=1 secrets=2 imagePullSecrets=3 automountServiceAccountToken=4*
        ResourceQuota {_OBJECT}
        ResourceQuotaSpec hard=1 scopes=2
        ResourceQuotaStatus hard=1 used=2
        Service {_OBJECT}
        ServiceSpec ports=1 selector=2 clusterIP=3 type=4 externalIPs=5 sessionAffinity=7 loadBalancerIP=8 \
loadBalancerSourceRanges=9 externalName=10 externalTrafficPolicy=11 healthCheckNodePort=12 \
publishNotReadyAddresses=13 ipFamilyPolicy=17* clusterIPs=18 ipFamilies=19 \
allocateLoadBalancerNodePorts=20* loadBalancerClass=21* internalTrafficPolicy=22*
        ServicePort name=1 protocol=2 port=3 targetPort=4 nodePort=5 appProtocol=6*
        ServiceStatus loadBalancer=1 conditions=2
        LoadBalancerStatus ingress=1
        PodTemplateSpec metadata=1 spec=2
        PodSpec volumes=1 containers=2 restartPolicy=3 terminationGracePeriodSeconds=4* \
activeDeadlineSeconds=5* dnsPolicy=6 nodeSelector=7 serviceAccountName=8 serviceAccount=9 nodeName=10 \
hostNetwork=11 hostPID=12 hostIPC=13 securityContext=14* imagePullSecrets=15 hostname=16 subdomain=17 \
schedulerName=19 initContainers=20 automountServiceAccountToken=21* tolerations=22 priorityClassName=24 \
priority=25* shareProcessNamespace=27* enableServiceLinks=30*
        PodSecurityContext runAsUser=2* runAsNonRoot=3* supplementalGroups=4 fsGroup=5* runAsGroup=6*
        Toleration key=1 operator=2 value=3 effect=4 tolerationSeconds=5*
        Container name=1 image=2 command=3 args=4 workingDir=5 ports=6 env=7 resources=8 volumeMounts=9 \
terminationMessagePath=13 imagePullPolicy=14 stdin=16 stdinOnce=17 tty=18 terminationMessagePolicy=20
        ContainerPort name=1 hostPort=2 containerPort=3 protocol=4 hostIP=5
        EnvVar name=1 value=2
        ResourceRequirements limits=1 requests=2
        VolumeMount name=1 readOnly=2 mountPath=3 subPath=4 mountPropagation=5*
    """,
    APPS: f"""
        Deployment {_OBJECT}
        DeploymentSpec replicas=1* selector=2* template=3 strategy=4 minReadySeconds=5 \
revisionHistoryLimit=6* paused=7 progressDeadlineSeconds=9*
        DeploymentStrategy type=1 rollingUpdate=2*
        RollingUpdateDeployment maxUnavailable=1* maxSurge=2*
        DeploymentStatus observedGeneration=1 replicas=2 updatedReplicas=3 availableReplicas=4 \
unavailableReplicas=5 readyReplicas=7 collisionCount=8*
    """,
    BATCH: f"""
        Job {_OBJECT}
        JobSpec parallelism=1* completions=2* activeDeadlineSeconds=3* selector=4* manualSelector=5* \
template=6 backoffLimit=7* ttlSecondsAfterFinished=8* completionMode=9* suspend=10*
        JobStatus startTime=2 completionTime=3 active=4 succeeded=5 failed=6 completedIndexes=7
        CronJob {_OBJECT}
        CronJobSpec schedule=1 startingDeadlineSeconds=2* concurrencyPolicy=3 suspend=4* jobTemplate=5 \
successfulJobsHistoryLimit=6* failedJobsHistoryLimit=7* timeZone=8*
        CronJobStatus active=1 lastScheduleTime=4 lastSuccessfulTime=5
        JobTemplateSpec metadata=1 spec=2
    """,
    RBAC: """
        Role metadata=1 rules=2
        ClusterRole metadata=1 rules=2 aggregationRule=3*
        AggregationRule clusterRoleSelectors=1
        PolicyRule verbs=1 apiGroups=2 resources=3 resourceNames=4 nonResourceURLs=5
        RoleBinding metadata=1 subjects=2 roleRef=3
        ClusterRoleBinding metadata=1 subjects=2 roleRef=3
        Subject kind=1 apiGroup=2 name=3 namespace=4
        RoleRef apiGroup=1 kind=2 name=3
    """,
    POLICY: f"""
        Eviction metadata=1 deleteOptions=2*
        PodDisruptionBudget {_OBJECT}
        PodDisruptionBudgetSpec minAvailable=1* selector=2* maxUnavailable=3*
        PodDisruptionBudgetStatus observedGeneration=1 disruptionsAllowed=3 currentHealthy=4 \
desiredHealthy=5 expectedPods=6
    """,
    NETWORKING: f"""
        Ingress {_OBJECT}
        IngressSpec defaultBackend=1* tls=2 rules=3 ingressClassName=4*
        IngressBackend resource=3* service=4*
        IngressServiceBackend name=1 port=2
        ServiceBackendPort name=1 number=2
        IngressTLS hosts=1 secretName=2
        IngressRule host=1 +IngressRuleValue=2
        IngressRuleValue http=1*
        HTTPIngressRuleValue paths=1
        HTTPIngressPath path=1 backend=2 pathType=3*
        IngressStatus loadBalancer=1
        IngressLoadBalancerStatus ingress=1
    """,
    SCHEDULING: "PriorityClass metadata=1 value=2 globalDefault=3 description=4 preemptionPolicy=5*",
    CERTIFICATES: f"""
        CertificateSigningRequest {_OBJECT}
        CertificateSigningRequestSpec request=1 username=2 uid=3 groups=4 usages=5 signerName=7 \
expirationSeconds=8*
        CertificateSigningRequestStatus conditions=1 certificate=2
        CertificateSigningRequestCondition type=1 reason=2 message=3 lastUpdateTime=4 \
lastTransitionTime=5 status=6
    """,
    AUTHENTICATION: f"""
        TokenRequest {_OBJECT}
        TokenRequestSpec audiences=1 boundObjectRef=3* expirationSeconds=4*
        TokenRequestStatus token=1 expirationTimestamp=2
        BoundObjectReference kind=1 apiVersion=2 name=3 uid=4
        SelfSubjectReview metadata=1 status=2
        SelfSubjectReviewStatus userInfo=1
        UserInfo username=1 uid=2 groups=3
        TokenReview {_OBJECT}
        TokenReviewSpec token=1 audiences=2
        TokenReviewStatus authenticated=1 user=2 error=3 audiences=4
    """,
    AUTHORIZATION: f"""
        SelfSubjectAccessReview {_OBJECT}
        SelfSubjectAccessReviewSpec resourceAttributes=1* nonResourceAttributes=2*
        ResourceAttributes namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7
        NonResourceAttributes path=1 verb=2
        SubjectAccessReviewStatus allowed=1 reason=2 evaluationError=3 denied=4
        SelfSubjectRulesReview {_OBJECT}
        SelfSubjectRulesReviewSpec namespace=1
        SubjectRulesReviewStatus resourceRules=1 nonResourceRules=2 incomplete=3 evaluationError=4
        SubjectAccessReview {_OBJECT}
        LocalSubjectAccessReview {_OBJECT}
        SubjectAccessReviewSpec resourceAttributes=1* nonResourceAttributes=2* user=3 groups=4 uid=6
    """,
    HPA1: f"""
        Scale {_OBJECT}
        ScaleSpec replicas=1
        ScaleStatus replicas=1 selector=2
        HorizontalPodAutoscaler {_OBJECT}
        HorizontalPodAutoscalerSpec scaleTargetRef=1 minReplicas=2* maxReplicas=3 \
targetCPUUtilizationPercentage=4*
        HorizontalPodAutoscalerStatus observedGeneration=1 lastScaleTime=2 currentReplicas=3 \
desiredReplicas=4 currentCPUUtilizationPercentage=5*
        CrossVersionObjectReference kind=1 name=2 apiVersion=3
    """,
    HPA2: f"""
        HorizontalPodAutoscaler {_OBJECT}
        HorizontalPodAutoscalerSpec scaleTargetRef=1 minReplicas=2* maxReplicas=3 metrics=4
        HorizontalPodAutoscalerStatus observedGeneration=1 lastScaleTime=2 currentReplicas=3 desiredReplicas=4
        CrossVersionObjectReference kind=1 name=2 apiVersion=3
        MetricSpec type=1 resource=4*
        ResourceMetricSource name=1 target=2
        MetricTarget type=1 value=2* averageValue=3* averageUtilization=4*
    """,
    COORDINATION: """
        Lease metadata=1 spec=2
        LeaseSpec holderIdentity=1* leaseDurationSeconds=2* acquireTime=3* renewTime=4* leaseTransitions=5*
    """,
}


class Field(NamedTuple):
    """A field of a message: its JSON name, or the message that is ``inline``."""

    name: str
    inline: bool
    pointer: bool


def _parse() -> dict[str, dict[int, Field]]:
    messages: dict[str, dict[int, Field]] = {}
    for package, text in _TABLE.items():
        for line in filter(None, map(str.split, text.splitlines())):
            fields = messages[f"{package}.{line[0]}"] = {}
            for entry in line[1:]:
                name, _, number = entry.partition("=")
                inline = name.startswith("+")
                field = Field(name.lstrip("+"), inline, number.endswith("*"))
                fields[int(number.rstrip("*"))] = field
    return messages


MESSAGES = _parse()
"""Definition name -> field number -> field."""
