/// What `kubectl explain` says of types and fields, in our own words: one entry a line, the name as in the schema
/// (`core.v1.Pod`, `core.v1.Pod.spec`), then its sentence. A field without a line of its own takes that of `*.NAME`.
enum SchemaDescriptions {
    /// The sentence of a type; nil where none was written.
    static func text(type: String) -> String? { table[type] }

    /// The sentence of a member of a type; nil where none was written.
    static func text(field: String, of type: String) -> String? { table["\(type).\(field)"] ?? table["*.\(field)"] }

    private static let table: [String: String] = Dictionary(
        lines.description.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }, uniquingKeysWith: { first, _ in first })

    private static let lines: StaticString = """
        *.apiVersion Group and version of the API that the object is written in.
        *.kind What sort of object this is.
        *.metadata Name, namespace, labels and what the server keeps of the object.
        *.spec What is wanted.
        *.status What was observed last; written by controllers.
        *.items The objects of the list.
        *.conditions Statements about the object's state, one of each type.
        authentication.v1.SelfSubjectReview Asks the server as whom it takes the asker.
        authentication.v1.TokenRequest A token of a service account: for whom it is meant and how long it holds.
        authentication.v1.TokenReview Asks whether a token holds, and whose it is.
        authorization.v1.LocalSubjectAccessReview Asks whether somebody may do something in one namespace.
        authorization.v1.SelfSubjectAccessReview Asks whether the asker may do something.
        authorization.v1.SelfSubjectRulesReview Asks for all that the asker may do in a namespace.
        authorization.v1.SubjectAccessReview Asks whether a user or group may do something.
        coordination.v1.Lease A claim that has to be renewed in time: who leads, or that a node is alive.
        coordination.v1.LeaseSpec.holderIdentity Who holds the lease.
        coordination.v1.LeaseSpec.leaseDurationSeconds For how many seconds after a renewal the lease holds.
        coordination.v1.LeaseSpec.renewTime When the holder renewed it last.
        core.v1.Binding Puts a pod on a node.
        core.v1.Binding.target The node that the pod is put on.
        core.v1.ConfigMap Settings for programs, as text or bytes under keys.
        core.v1.ConfigMap.binaryData Bytes under keys, in base64; no key may stand in data too.
        core.v1.ConfigMap.data Text under keys.
        core.v1.ConfigMap.immutable Once true, the content can no longer be changed.
        core.v1.Container One program of a pod, with its image, environment and checks.
        core.v1.Container.args Arguments of the program; the image's own where absent.
        core.v1.Container.command The program to run; the image's entry point where absent.
        core.v1.Container.env Variables of the environment.
        core.v1.Container.envFrom ConfigMaps and Secrets whose keys become variables.
        core.v1.Container.image The image that the container is made of.
        core.v1.Container.imagePullPolicy When the image is fetched: Always, IfNotPresent or Never.
        core.v1.Container.livenessProbe A check whose failure restarts the container.
        core.v1.Container.name Name of the container, unique in its pod.
        core.v1.Container.ports Ports that the program listens on; a name given here can stand in Services and policies.
        core.v1.Container.readinessProbe A check whose failure takes the pod out of its Services.
        core.v1.Container.resources Processor and memory that it is promised, and how much it may use.
        core.v1.Container.securityContext User, capabilities and privileges of the program.
        core.v1.Container.startupProbe A check that has to succeed before the other ones begin.
        core.v1.Container.volumeMounts Volumes of the pod and the paths where the container sees them.
        core.v1.Container.workingDir The directory that the program starts in.
        core.v1.Endpoints The addresses behind a Service, made by the server out of its EndpointSlices; read only.
        core.v1.Endpoints.subsets Addresses that share the same ports.
        core.v1.Event Something that happened to an object.
        core.v1.Event.count How often it happened.
        core.v1.Event.involvedObject The object that it happened to.
        core.v1.Event.message What happened, for people.
        core.v1.Event.reason What happened, as one word for programs.
        core.v1.Event.type Normal or Warning.
        core.v1.Namespace A space of names: objects in it are told apart by name, and are deleted with it.
        core.v1.NamespaceSpec.finalizers Who has to be done before the namespace goes.
        core.v1.NamespaceStatus.phase Active, or Terminating while it is being emptied.
        core.v1.Node A machine that runs pods.
        core.v1.NodeSpec.podCIDR The block that pods on this node get their addresses of.
        core.v1.NodeSpec.podCIDRs The blocks of pod addresses, one a family.
        core.v1.NodeSpec.taints Marks that keep pods away which do not tolerate them.
        core.v1.NodeSpec.unschedulable When true, no new pods are put here.
        core.v1.NodeStatus.addresses How the node can be reached.
        core.v1.NodeStatus.allocatable How much of the node pods may take.
        core.v1.NodeStatus.capacity How much the node has.
        core.v1.NodeStatus.nodeInfo Versions and identity of the machine and its software.
        core.v1.Pod Containers that run together on one node, with one address.
        core.v1.PodSpec.activeDeadlineSeconds After so many seconds the pod is ended and counts as failed.
        core.v1.PodSpec.containers The pod's containers; at least one.
        core.v1.PodSpec.dnsPolicy Whose name servers the containers use.
        core.v1.PodSpec.hostAliases Further lines of the containers' hosts file.
        core.v1.PodSpec.hostNetwork When true, the pod uses the node's own network; policies do not apply to it.
        core.v1.PodSpec.imagePullSecrets Secrets that open the registries of the images.
        core.v1.PodSpec.initContainers Containers that run to their end, one after another, before the others start.
        core.v1.PodSpec.nodeName The node that the pod runs on.
        core.v1.PodSpec.nodeSelector Labels that a node must have for this pod.
        core.v1.PodSpec.restartPolicy When ended containers are started again: Always, OnFailure or Never.
        core.v1.PodSpec.securityContext What holds for all containers: user, groups, sysctls.
        core.v1.PodSpec.serviceAccountName The account whose token the containers get.
        core.v1.PodSpec.terminationGracePeriodSeconds How long containers may take to end by themselves.
        core.v1.PodSpec.tolerations Taints of nodes that this pod puts up with.
        core.v1.PodSpec.volumes Volumes that the containers can mount.
        core.v1.PodStatus.containerStatuses State of each container.
        core.v1.PodStatus.phase Pending, Running, Succeeded, Failed or Unknown.
        core.v1.PodStatus.podIP The pod's address.
        core.v1.PodStatus.podIPs The pod's addresses, one a family.
        core.v1.PodStatus.qosClass Guaranteed, Burstable or BestEffort, by the containers' requests and limits.
        core.v1.Secret Content that is not for everybody's eyes: keys, passwords, tokens.
        core.v1.Secret.data Bytes under keys, in base64.
        core.v1.Secret.immutable Once true, the content can no longer be changed.
        core.v1.Secret.stringData Text under keys, written into data; never read back.
        core.v1.Secret.type What the content is for; it decides which keys have to be there.
        core.v1.Service One address and name for a set of pods.
        core.v1.ServiceAccount An identity for programs in pods.
        core.v1.ServiceAccount.automountServiceAccountToken When false, pods do not get a token by themselves.
        core.v1.ServiceAccount.imagePullSecrets Secrets that pods of this account fetch images with.
        core.v1.ServiceAccount.secrets Secrets that belong to the account.
        core.v1.ServicePort.name Name of the port; needed where there is more than one.
        core.v1.ServicePort.nodePort The port that every node takes connections at.
        core.v1.ServicePort.port The port that clients connect to.
        core.v1.ServicePort.protocol TCP, UDP or SCTP.
        core.v1.ServicePort.targetPort Number or name of the port in the pods.
        core.v1.ServiceSpec.clusterIP The Service's address; None for a Service that has pods' addresses alone.
        core.v1.ServiceSpec.clusterIPs The Service's addresses, one a family.
        core.v1.ServiceSpec.externalName A name elsewhere that stands for this Service (type ExternalName).
        core.v1.ServiceSpec.externalTrafficPolicy Whether traffic from outside may go to pods of other nodes.
        core.v1.ServiceSpec.internalTrafficPolicy Whether traffic from inside may go to pods of other nodes.
        core.v1.ServiceSpec.ipFamilies The address families of the Service.
        core.v1.ServiceSpec.ipFamilyPolicy One family, or two where, or only if, the cluster has them.
        core.v1.ServiceSpec.ports The ports of the Service.
        core.v1.ServiceSpec.publishNotReadyAddresses When true, pods that are not ready count as well.
        core.v1.ServiceSpec.selector Labels of the pods that stand behind the Service.
        core.v1.ServiceSpec.sessionAffinity ClientIP keeps a client with one pod; None does not.
        core.v1.ServiceSpec.type ClusterIP, NodePort, LoadBalancer or ExternalName.
        discovery.v1.Endpoint.addresses The endpoint's addresses; the first one is used.
        discovery.v1.Endpoint.conditions Whether it is ready, serves, or is about to end.
        discovery.v1.Endpoint.targetRef The pod that the endpoint is.
        discovery.v1.EndpointSlice Some of the endpoints of a Service, in one address family.
        discovery.v1.EndpointSlice.addressType IPv4, IPv6 or FQDN.
        discovery.v1.EndpointSlice.endpoints The endpoints; at most a thousand.
        discovery.v1.EndpointSlice.ports Ports that all endpoints of the slice have.
        events.v1.Event Something that happened to an object.
        events.v1.Event.note What happened, for people.
        events.v1.Event.reason What happened, as one word for programs.
        events.v1.Event.regarding The object that it happened to.
        events.v1.Event.type Normal or Warning.
        martlet.v1alpha1.NetworkInvariant What has to hold between sets of pods, whatever the policies say.
        martlet.v1alpha1.NodeDataplane What a node enforces, as its agent reports it.
        martlet.v1alpha1.NodeDataplaneStatus.enforcedRevision What the node reads of the API is in force up to here.
        martlet.v1alpha1.NodeDataplaneStatus.generation The policy generation that packets are judged by.
        martlet.v1alpha1.NodeDataplaneStatus.notEnforced Objects that are not in force as the API has them.
        martlet.v1alpha1.NodeDataplaneStatus.tables How full the node's tables are.
        martlet.v1alpha1.Transaction Objects that are written together, or not at all.
        martlet.v1alpha1.Transaction.items The objects, each as it would be applied alone.
        meta.v1.LabelSelector.matchExpressions Requirements on labels, all of which have to hold.
        meta.v1.LabelSelector.matchLabels Labels that have to be there with these values.
        meta.v1.ObjectMeta.annotations Notes of programs; nothing is selected by them.
        meta.v1.ObjectMeta.creationTimestamp When the object was made.
        meta.v1.ObjectMeta.deletionTimestamp When the object was, or will be, given up; set by a delete.
        meta.v1.ObjectMeta.finalizers Who has to be done before the object goes.
        meta.v1.ObjectMeta.generateName Begin of a name that the server completes.
        meta.v1.ObjectMeta.generation Counts the changes of what is wanted.
        meta.v1.ObjectMeta.labels Marks that objects are selected by.
        meta.v1.ObjectMeta.managedFields Who set which fields.
        meta.v1.ObjectMeta.name Name of the object, unique among its kind in its namespace.
        meta.v1.ObjectMeta.namespace The namespace that the object is in.
        meta.v1.ObjectMeta.ownerReferences Objects that this one depends on; it goes when all of them are gone.
        meta.v1.ObjectMeta.resourceVersion Changes with each write; for telling whether an object is still the same.
        meta.v1.ObjectMeta.uid Tells the object from every other one, past ones of the same name too.
        networking.v1.IPBlock.cidr A block of addresses.
        networking.v1.IPBlock.except Blocks inside of it that do not count.
        networking.v1.NetworkPolicy Which traffic the selected pods may take and send. What no policy selects is open.
        networking.v1.NetworkPolicyEgressRule.ports Ports that may be connected to; all where absent.
        networking.v1.NetworkPolicyEgressRule.to Peers that may be connected to; all where absent.
        networking.v1.NetworkPolicyIngressRule.from Peers that may connect; all where absent.
        networking.v1.NetworkPolicyIngressRule.ports Ports that may be connected to; all where absent.
        networking.v1.NetworkPolicyPeer.ipBlock Addresses; pods are selected by labels instead.
        networking.v1.NetworkPolicyPeer.namespaceSelector Namespaces by their labels, all pods in them.
        networking.v1.NetworkPolicyPeer.podSelector Pods by their labels, in the policy's or the selected namespaces.
        networking.v1.NetworkPolicyPort.endPort The last port of a range that port begins.
        networking.v1.NetworkPolicyPort.port Number or name of the port; all where absent.
        networking.v1.NetworkPolicyPort.protocol TCP, UDP or SCTP.
        networking.v1.NetworkPolicySpec.egress What the pods may connect to, one rule or another.
        networking.v1.NetworkPolicySpec.ingress Who may connect to the pods, by one rule or another.
        networking.v1.NetworkPolicySpec.podSelector The pods that the policy is for; an empty one selects all.
        networking.v1.NetworkPolicySpec.policyTypes The directions that the policy closes: Ingress, Egress.
        policy.v1.Eviction Asks a pod to leave its node.
        policynetworking.v1alpha2.ClusterNetworkPolicy Rules of the administrator, before or after NetworkPolicy.
        policynetworking.v1alpha2.ClusterNetworkPolicySpec.egress Whom the subject may connect to; first match.
        policynetworking.v1alpha2.ClusterNetworkPolicySpec.ingress Who may connect to the subject; first match.
        policynetworking.v1alpha2.ClusterNetworkPolicySpec.priority Order in the tier, lowest first.
        policynetworking.v1alpha2.ClusterNetworkPolicySpec.subject The pods that the policy is for.
        policynetworking.v1alpha2.ClusterNetworkPolicySpec.tier Admin is asked before NetworkPolicy, Baseline after it.
        rbac.v1.ClusterRole Rights on objects of the cluster, or of any namespace.
        rbac.v1.ClusterRole.aggregationRule Selects ClusterRoles whose rules are gathered here.
        rbac.v1.ClusterRole.rules What the role allows.
        rbac.v1.ClusterRoleBinding Gives a ClusterRole to users, groups and accounts, everywhere.
        rbac.v1.ClusterRoleBinding.roleRef The role that is given; it cannot be changed later.
        rbac.v1.ClusterRoleBinding.subjects Who gets it.
        rbac.v1.PolicyRule.apiGroups Groups of the resources; empty text is the core group, * all.
        rbac.v1.PolicyRule.nonResourceURLs Paths that are no resources; in ClusterRoles only.
        rbac.v1.PolicyRule.resourceNames Names of the objects; all where absent.
        rbac.v1.PolicyRule.resources Resources, with their subresource after a slash; * is all.
        rbac.v1.PolicyRule.verbs What may be done; * is all.
        rbac.v1.Role Rights on objects of one namespace.
        rbac.v1.Role.rules What the role allows.
        rbac.v1.RoleBinding Gives a role to users, groups and accounts, in one namespace.
        rbac.v1.RoleBinding.roleRef The role that is given; it cannot be changed later.
        rbac.v1.RoleBinding.subjects Who gets it.
        """
}
