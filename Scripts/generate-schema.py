#!/usr/bin/env python3
"""Writes Sources/APIMachinery/SchemaTable+*.generated.swift from the facts of Kubernetes' types.

    Scripts/generate-schema.py SCHEMA.json

SCHEMA.json maps a type to its fields (type, list kind, merge key, protobuf number). The facts say nothing of Go's
pointers and of members that are written even when empty; these are listed here. The table's grammar stands in
Sources/APIMachinery/SchemaTable.swift.
"""
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).parent.parent / "Sources/APIMachinery"
LINES_MAX = 500

# The file of each package's types. core.v1 is too long for one: what a volume holds and what else a pod holds have
# files of their own.
FILES = {
    "api.resource": "Machinery", "authentication.v1": "Access", "authorization.v1": "Access", "coordination.v1": "Core",
    "core.v1": "Core", "discovery.v1": "Network", "events.v1": "Core", "meta.v1": "Machinery",
    "networking.v1": "Network", "policy.v1": "Core", "rbac.v1": "Access", "util.intstr": "Machinery",
}
WHAT = {
    "Access": "authentication, authorization and roles", "Core": "what is no pod in core.v1; events, leases, evictions",
    "Machinery": "metadata and what kinds share", "Network": "EndpointSlices and NetworkPolicies",
    "Pod": "pods, without volumes", "Volume": "volumes",
}

ROOTS = """
core.v1.Namespace core.v1.Pod core.v1.Service core.v1.Endpoints core.v1.Node core.v1.ConfigMap core.v1.Secret
core.v1.ServiceAccount core.v1.Event core.v1.Binding events.v1.Event discovery.v1.EndpointSlice coordination.v1.Lease
networking.v1.NetworkPolicy rbac.v1.Role rbac.v1.ClusterRole rbac.v1.RoleBinding rbac.v1.ClusterRoleBinding
authentication.v1.TokenReview authentication.v1.SelfSubjectReview authentication.v1.TokenRequest
authorization.v1.SubjectAccessReview authorization.v1.SelfSubjectAccessReview
authorization.v1.LocalSubjectAccessReview authorization.v1.SelfSubjectRulesReview policy.v1.Eviction
meta.v1.DeleteOptions meta.v1.Status
""".split()

# Scalars that tell absent from zero.
POINTERS = """
AppArmorProfile.localhostProfile AzureDiskVolumeSource.cachingMode
AzureDiskVolumeSource.fsType AzureDiskVolumeSource.readOnly AzureDiskVolumeSource.kind
CSIVolumeSource.readOnly CSIVolumeSource.fsType ClientIPConfig.timeoutSeconds
ClusterTrustBundleProjection.name ClusterTrustBundleProjection.signerName ClusterTrustBundleProjection.optional
ConfigMap.immutable ConfigMapEnvSource.optional ConfigMapKeySelector.optional ConfigMapProjection.optional
ConfigMapVolumeSource.defaultMode ConfigMapVolumeSource.optional Container.restartPolicy
EphemeralContainer.restartPolicy ContainerStatus.started ContainerStatus.stopSignal DownwardAPIVolumeFile.mode
DownwardAPIVolumeSource.defaultMode EndpointAddress.nodeName core.v1.EndpointPort.appProtocol FCVolumeSource.lun
FileKeySelector.optional GRPCAction.service HostPathVolumeSource.type ISCSIVolumeSource.initiatorName KeyToPath.mode
Lifecycle.stopSignal LoadBalancerIngress.ipMode NodeFeatures.supplementalGroupsPolicy
NodeRuntimeHandlerFeatures.recursiveReadOnlyMounts NodeRuntimeHandlerFeatures.userNamespaces NodeSwapStatus.capacity
PersistentVolumeClaimSpec.storageClassName PersistentVolumeClaimSpec.volumeAttributesClassName
PersistentVolumeClaimSpec.volumeMode PodCertificateProjection.maxExpirationSeconds PodDNSConfigOption.value
PodResourceClaim.resourceClaimName PodResourceClaim.resourceClaimTemplateName PodResourceClaimStatus.resourceClaimName
PodSecurityContext.fsGroup PodSecurityContext.fsGroupChangePolicy PodSecurityContext.runAsGroup
PodSecurityContext.runAsNonRoot PodSecurityContext.runAsUser PodSecurityContext.seLinuxChangePolicy
PodSecurityContext.supplementalGroupsPolicy PodSpec.activeDeadlineSeconds PodSpec.automountServiceAccountToken
PodSpec.enableServiceLinks PodSpec.hostUsers PodSpec.hostnameOverride PodSpec.preemptionPolicy PodSpec.priority
PodSpec.runtimeClassName PodSpec.setHostnameAsFQDN PodSpec.shareProcessNamespace
PodSpec.terminationGracePeriodSeconds PodSchedulingGroup.podGroupName PortStatus.error
Probe.terminationGracePeriodSeconds ProjectedVolumeSource.defaultMode SeccompProfile.localhostProfile Secret.immutable
SecretEnvSource.optional SecretKeySelector.optional SecretProjection.optional SecretVolumeSource.defaultMode
SecretVolumeSource.optional SecurityContext.allowPrivilegeEscalation SecurityContext.privileged
SecurityContext.procMount SecurityContext.readOnlyRootFilesystem SecurityContext.runAsGroup
SecurityContext.runAsNonRoot SecurityContext.runAsUser ServiceAccount.automountServiceAccountToken
ServiceAccountTokenProjection.expirationSeconds ServicePort.appProtocol ServiceSpec.allocateLoadBalancerNodePorts
ServiceSpec.internalTrafficPolicy ServiceSpec.ipFamilyPolicy ServiceSpec.loadBalancerClass
ServiceSpec.trafficDistribution Toleration.tolerationSeconds TopologySpreadConstraint.minDomains
TopologySpreadConstraint.nodeAffinityPolicy TopologySpreadConstraint.nodeTaintsPolicy
TypedLocalObjectReference.apiGroup TypedObjectReference.apiGroup TypedObjectReference.namespace
VolumeMount.mountPropagation VolumeMount.recursiveReadOnly VolumeMountStatus.recursiveReadOnly
WindowsSecurityContextOptions.gmsaCredentialSpec WindowsSecurityContextOptions.gmsaCredentialSpecName
WindowsSecurityContextOptions.hostProcess WindowsSecurityContextOptions.runAsUserName Endpoint.hostname
Endpoint.nodeName Endpoint.zone EndpointConditions.ready EndpointConditions.serving EndpointConditions.terminating
discovery.v1.EndpointPort.appProtocol discovery.v1.EndpointPort.name discovery.v1.EndpointPort.port
discovery.v1.EndpointPort.protocol DeleteOptions.gracePeriodSeconds
DeleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential DeleteOptions.orphanDependents
DeleteOptions.propagationPolicy ListMeta.remainingItemCount ObjectMeta.deletionGracePeriodSeconds
OwnerReference.blockOwnerDeletion OwnerReference.controller Preconditions.resourceVersion Preconditions.uid
NetworkPolicyPort.endPort NetworkPolicyPort.protocol TokenRequestSpec.expirationSeconds LeaseSpec.holderIdentity
LeaseSpec.leaseDurationSeconds LeaseSpec.leaseTransitions LeaseSpec.preferredHolder LeaseSpec.strategy
""".split()

# Structures and times that are written even when empty: not pointers, or without `omitempty`.
ALWAYS = """
*.metadata core.v1.Namespace.spec core.v1.Namespace.status core.v1.Pod.spec core.v1.Pod.status core.v1.Service.spec
core.v1.Service.status core.v1.Node.spec core.v1.Node.status coordination.v1.Lease.spec networking.v1.NetworkPolicy.spec
networking.v1.NetworkPolicySpec.podSelector core.v1.Binding.target core.v1.Container.resources
core.v1.EphemeralContainer.resources core.v1.ContainerStatus.state core.v1.ContainerStatus.lastState
core.v1.ServiceStatus.loadBalancer core.v1.PodCondition.lastProbeTime core.v1.PodCondition.lastTransitionTime
core.v1.NodeCondition.lastHeartbeatTime core.v1.NodeCondition.lastTransitionTime
core.v1.NamespaceCondition.lastTransitionTime meta.v1.Condition.lastTransitionTime core.v1.NodeStatus.daemonEndpoints
core.v1.NodeDaemonEndpoints.kubeletEndpoint core.v1.NodeStatus.nodeInfo core.v1.Event.involvedObject core.v1.Event.source
core.v1.Event.firstTimestamp core.v1.Event.lastTimestamp core.v1.Event.eventTime core.v1.Event.reportingComponent
core.v1.Event.reportingInstance core.v1.EventSeries.lastObservedTime events.v1.Event.eventTime events.v1.Event.regarding
events.v1.Event.deprecatedSource events.v1.Event.deprecatedFirstTimestamp events.v1.Event.deprecatedLastTimestamp
events.v1.EventSeries.lastObservedTime discovery.v1.Endpoint.conditions core.v1.ContainerStateRunning.startedAt
core.v1.ContainerStateTerminated.startedAt core.v1.ContainerStateTerminated.finishedAt core.v1.HTTPGetAction.port
core.v1.TCPSocketAction.port core.v1.ServicePort.targetPort core.v1.ResourceFieldSelector.divisor
core.v1.WeightedPodAffinityTerm.podAffinityTerm core.v1.PreferredSchedulingTerm.preference
core.v1.PersistentVolumeClaimTemplate.spec core.v1.PersistentVolumeClaimSpec.resources rbac.v1.RoleRef.apiGroup
discovery.v1.EndpointSlice.ports
discovery.v1.EndpointSlice.endpoints rbac.v1.Role.rules rbac.v1.ClusterRole.rules
rbac.v1.RoleBinding.roleRef rbac.v1.ClusterRoleBinding.roleRef authentication.v1.TokenReview.spec
authentication.v1.TokenReview.status authentication.v1.TokenReviewStatus.user authentication.v1.TokenRequest.spec
authentication.v1.TokenRequest.status authentication.v1.TokenRequestStatus.expirationTimestamp
authentication.v1.SelfSubjectReview.status authentication.v1.SelfSubjectReviewStatus.userInfo
authorization.v1.SubjectAccessReview.spec authorization.v1.SubjectAccessReview.status
authorization.v1.SelfSubjectAccessReview.spec authorization.v1.SelfSubjectAccessReview.status
authorization.v1.LocalSubjectAccessReview.spec authorization.v1.LocalSubjectAccessReview.status
authorization.v1.SelfSubjectRulesReview.spec authorization.v1.SelfSubjectRulesReview.status
""".split()

facts = json.load(open(sys.argv[1]))["types"]


def base(name):
    while True:
        if name.startswith("[]"):
            name = name[2:]
        elif name.startswith("map:"):
            name = name[4:]
        else:
            return name


def closure(roots):
    """The types of the roots and all that they hold."""
    found = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in facts:
            continue
        found[name] = facts[name]
        waiting += [base(f["t"]) for f in facts[name].get("fields", {}).values()]
    return found


def named(listing, kind, field):
    short = kind.rsplit(".", 1)[1]
    return f"{kind}.{field}" in listing or f"{short}.{field}" in listing


def flags(kind, name, field):
    if "proto" in field:
        number = field["proto"]
        yield "#" + ".".join(map(str, number if isinstance(number, list) else [number]))
    if field.get("req"):
        yield "r"
    if named(POINTERS, kind, name):
        yield "*"
    if f"{kind}.{name}" in ALWAYS or (name == "metadata" and field["t"].startswith("meta.v1.")):
        yield "!"
    if "list" in field:
        keys = ":" + ",".join(field["keys"]) if "keys" in field else ""
        yield "L=" + field["list"][0] + keys
    if "patch" in field:
        yield "P=" + field["patch"]
    if "mergeKey" in field:
        yield "K=" + field["mergeKey"]
    if field.get("map") == "atomic":
        yield "M"
    if "default" in field:
        yield "D=" + json.dumps(field["default"], separators=(",", ":"))


def block(kind, fact):
    """The type's line and one for each field."""
    line = "@" + kind
    if "gvk" in fact:
        line += " G=" + fact["gvk"]
    if fact.get("map") == "atomic":
        line += " M"
    if "is" in fact:
        line += " I=" + fact["is"]
    fields = sorted(fact.get("fields", {}).items())
    return [line] + [" ".join([name, field["t"], *flags(kind, name, field)]) for name, field in fields]


def files():
    """The tables' lines by file."""
    volume, pod = closure(["core.v1.Volume"]), closure(["core.v1.Pod", "core.v1.PodList"])
    tables = {file: [] for file in WHAT}
    for kind, fact in sorted(closure(r for root in ROOTS for r in (root, root + "List")).items()):
        file = FILES[kind.rsplit(".", 1)[0]]
        if file == "Core" and kind in pod:
            file = "Volume" if kind in volume else "Pod"
        tables[file] += block(kind, fact)
    return tables


def main():
    for file, lines in files().items():
        text = [
            "// Written by Scripts/generate-schema.py; do not edit.", "",
            f"/// Fields of built-in types: {WHAT[file]}; grammar in SchemaTable.swift.",
            f"let {file.lower()}SchemaTableText: StaticString = #\"\"\"",
            *("    " + line for line in lines), "    \"\"\"#",
        ]
        if len(text) > LINES_MAX:
            sys.exit(f"SchemaTable+{file} has more than {LINES_MAX} lines: split it")
        (FOLDER / f"SchemaTable+{file}.generated.swift").write_text("\n".join(text) + "\n")


main()
