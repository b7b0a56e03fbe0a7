/// The types of our own group, `martlet.io`; grammar in SchemaTable.swift. They have no protobuf form.
let martletSchemaTableText: StaticString = #"""
    @martlet.v1alpha1.NetworkInvariant G=martlet.io/v1alpha1/NetworkInvariant
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta !
    spec martlet.v1alpha1.NetworkInvariantSpec r !
    status martlet.v1alpha1.NetworkInvariantStatus
    @martlet.v1alpha1.NetworkInvariantList G=martlet.io/v1alpha1/NetworkInvariantList
    apiVersion string
    items []martlet.v1alpha1.NetworkInvariant r
    kind string
    metadata meta.v1.ListMeta !
    @martlet.v1alpha1.NetworkInvariantPods
    namespaceSelector meta.v1.LabelSelector
    podSelector meta.v1.LabelSelector
    @martlet.v1alpha1.NetworkInvariantPort
    endPort integer:int32 *
    port integer:int32 *
    protocol string
    @martlet.v1alpha1.NetworkInvariantSpec
    from martlet.v1alpha1.NetworkInvariantPods r *
    ports []martlet.v1alpha1.NetworkInvariantPort L=a
    statement string r
    to martlet.v1alpha1.NetworkInvariantPods r *
    @martlet.v1alpha1.NetworkInvariantStatus
    conditions []meta.v1.Condition L=m:type P=merge K=type
    @martlet.v1alpha1.Transaction G=martlet.io/v1alpha1/Transaction
    apiVersion string
    items []martlet.v1alpha1.TransactionItem r
    kind string
    metadata meta.v1.ObjectMeta !
    options martlet.v1alpha1.TransactionOptions
    status martlet.v1alpha1.TransactionStatus
    @martlet.v1alpha1.TransactionItem I=object
    @martlet.v1alpha1.TransactionOptions
    fieldManager string
    force boolean
    @martlet.v1alpha1.TransactionStatus
    revision string
    @martlet.v1alpha1.NodeDataplane G=martlet.io/v1alpha1/NodeDataplane
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta !
    status martlet.v1alpha1.NodeDataplaneStatus
    @martlet.v1alpha1.NodeDataplaneList G=martlet.io/v1alpha1/NodeDataplaneList
    apiVersion string
    items []martlet.v1alpha1.NodeDataplane r
    kind string
    metadata meta.v1.ListMeta !
    @martlet.v1alpha1.NodeDataplaneStatus
    conditions []meta.v1.Condition L=m:type P=merge K=type
    enforcedRevision integer:int64 *
    generation integer:int64 *
    lastError string
    notEnforced []martlet.v1alpha1.NotEnforced L=a
    notEnforcedCount integer:int64 *
    tables []martlet.v1alpha1.TableFill L=m:name
    @martlet.v1alpha1.NotEnforced
    enforcedVersion string
    kind string r
    message string
    name string r
    namespace string
    reason string
    resourceVersion string
    @martlet.v1alpha1.TableFill
    limit integer:int64 *
    name string r
    used integer:int64 *
    """#
