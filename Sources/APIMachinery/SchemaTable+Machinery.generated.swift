// Written by Scripts/generate-schema.py; do not edit.

/// Fields of built-in types: metadata and what kinds share; grammar in SchemaTable.swift.
let machinerySchemaTableText: StaticString = #"""
    @api.resource.Quantity I=any
    @meta.v1.Condition
    lastTransitionTime meta.v1.Time #4 r !
    message string #6 r
    observedGeneration integer:int64 #3
    reason string #5 r
    status string #2 r
    type string #1 r
    @meta.v1.DeleteOptions G=v1/DeleteOptions
    apiVersion string
    dryRun []string #5 L=a
    gracePeriodSeconds integer:int64 #1 *
    ignoreStoreReadErrorWithClusterBreakingPotential boolean #6 *
    kind string
    orphanDependents boolean #3 *
    preconditions meta.v1.Preconditions #2
    propagationPolicy string #4 *
    @meta.v1.FieldSelectorRequirement
    key string #1 r
    operator string #2 r
    values []string #3 L=a
    @meta.v1.FieldsV1 I=object
    @meta.v1.LabelSelector M
    matchExpressions []meta.v1.LabelSelectorRequirement #2 L=a
    matchLabels map:string #1
    @meta.v1.LabelSelectorRequirement
    key string #1 r
    operator string #2 r
    values []string #3 L=a
    @meta.v1.ListMeta
    continue string #3
    remainingItemCount integer:int64 #4 *
    resourceVersion string #2
    selfLink string #1
    shardInfo meta.v1.ShardInfo #5
    @meta.v1.ManagedFieldsEntry
    apiVersion string #3
    fieldsType string #6
    fieldsV1 meta.v1.FieldsV1 #7
    manager string #1
    operation string #2
    subresource string #8
    time meta.v1.Time #4
    @meta.v1.MicroTime I=string:date-time
    @meta.v1.ObjectMeta
    annotations map:string #12
    creationTimestamp meta.v1.Time #8
    deletionGracePeriodSeconds integer:int64 #10 *
    deletionTimestamp meta.v1.Time #9
    finalizers []string #14 L=s P=merge
    generateName string #2
    generation integer:int64 #7
    labels map:string #11
    managedFields []meta.v1.ManagedFieldsEntry #17 L=a
    name string #1
    namespace string #3
    ownerReferences []meta.v1.OwnerReference #13 L=m:uid P=merge K=uid
    resourceVersion string #6
    selfLink string #4
    uid string #5
    @meta.v1.OwnerReference M
    apiVersion string #5 r
    blockOwnerDeletion boolean #7 *
    controller boolean #6 *
    kind string #1 r
    name string #3 r
    uid string #4 r
    @meta.v1.Preconditions
    resourceVersion string #2 *
    uid string #1 *
    @meta.v1.ShardInfo
    selector string #1 r
    @meta.v1.Status G=v1/Status
    apiVersion string
    code integer:int32 #6
    details meta.v1.StatusDetails #5
    kind string
    message string #3
    metadata meta.v1.ListMeta #1 !
    reason string #4
    status string #2
    @meta.v1.StatusCause
    field string #3
    message string #2
    reason string #1
    @meta.v1.StatusDetails
    causes []meta.v1.StatusCause #4 L=a
    group string #2
    kind string #3
    name string #1
    retryAfterSeconds integer:int32 #5
    uid string #6
    @meta.v1.Time I=string:date-time
    @util.intstr.IntOrString I=any
    """#
