// Written by Scripts/generate-schema.py; do not edit.

/// Fields of built-in types: authentication, authorization and roles; grammar in SchemaTable.swift.
let accessSchemaTableText: StaticString = #"""
    @authentication.v1.BoundObjectReference
    apiVersion string #2
    kind string #1
    name string #3
    uid string #4
    @authentication.v1.SelfSubjectReview G=authentication.k8s.io/v1/SelfSubjectReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    status authentication.v1.SelfSubjectReviewStatus #2 !
    @authentication.v1.SelfSubjectReviewStatus
    userInfo authentication.v1.UserInfo #1 !
    @authentication.v1.TokenRequest G=authentication.k8s.io/v1/TokenRequest
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authentication.v1.TokenRequestSpec #2 !
    status authentication.v1.TokenRequestStatus #3 !
    @authentication.v1.TokenRequestSpec
    audiences []string #1 L=a
    boundObjectRef authentication.v1.BoundObjectReference #3
    expirationSeconds integer:int64 #4 *
    @authentication.v1.TokenRequestStatus
    expirationTimestamp meta.v1.Time #2 !
    token string #1
    @authentication.v1.TokenReview G=authentication.k8s.io/v1/TokenReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authentication.v1.TokenReviewSpec #2 r !
    status authentication.v1.TokenReviewStatus #3 !
    @authentication.v1.TokenReviewSpec
    audiences []string #2 L=a
    token string #1 r
    @authentication.v1.TokenReviewStatus
    audiences []string #4 L=a
    authenticated boolean #1
    error string #3
    user authentication.v1.UserInfo #2 !
    @authentication.v1.UserInfo
    extra map:[]string #4
    groups []string #3 L=a
    uid string #2
    username string #1
    @authorization.v1.FieldSelectorAttributes
    rawSelector string #1
    requirements []meta.v1.FieldSelectorRequirement #2 L=a
    @authorization.v1.LabelSelectorAttributes
    rawSelector string #1
    requirements []meta.v1.LabelSelectorRequirement #2 L=a
    @authorization.v1.LocalSubjectAccessReview G=authorization.k8s.io/v1/LocalSubjectAccessReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SubjectAccessReviewSpec #2 r !
    status authorization.v1.SubjectAccessReviewStatus #3 !
    @authorization.v1.NonResourceAttributes
    path string #1
    verb string #2
    @authorization.v1.NonResourceRule
    nonResourceURLs []string #2 L=a
    verbs []string #1 r L=a
    @authorization.v1.ResourceAttributes
    fieldSelector authorization.v1.FieldSelectorAttributes #8
    group string #3
    labelSelector authorization.v1.LabelSelectorAttributes #9
    name string #7
    namespace string #1
    resource string #5
    subresource string #6
    verb string #2
    version string #4
    @authorization.v1.ResourceRule
    apiGroups []string #2 L=a
    resourceNames []string #4 L=a
    resources []string #3 L=a
    verbs []string #1 r L=a
    @authorization.v1.SelfSubjectAccessReview G=authorization.k8s.io/v1/SelfSubjectAccessReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SelfSubjectAccessReviewSpec #2 r !
    status authorization.v1.SubjectAccessReviewStatus #3 !
    @authorization.v1.SelfSubjectAccessReviewSpec
    nonResourceAttributes authorization.v1.NonResourceAttributes #2
    resourceAttributes authorization.v1.ResourceAttributes #1
    @authorization.v1.SelfSubjectRulesReview G=authorization.k8s.io/v1/SelfSubjectRulesReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SelfSubjectRulesReviewSpec #2 r !
    status authorization.v1.SubjectRulesReviewStatus #3 !
    @authorization.v1.SelfSubjectRulesReviewSpec
    namespace string #1
    @authorization.v1.SubjectAccessReview G=authorization.k8s.io/v1/SubjectAccessReview
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    spec authorization.v1.SubjectAccessReviewSpec #2 r !
    status authorization.v1.SubjectAccessReviewStatus #3 !
    @authorization.v1.SubjectAccessReviewSpec
    extra map:[]string #5
    groups []string #4 L=a
    nonResourceAttributes authorization.v1.NonResourceAttributes #2
    resourceAttributes authorization.v1.ResourceAttributes #1
    uid string #6
    user string #3
    @authorization.v1.SubjectAccessReviewStatus
    allowed boolean #1 r
    denied boolean #4
    evaluationError string #3
    reason string #2
    @authorization.v1.SubjectRulesReviewStatus
    evaluationError string #4
    incomplete boolean #3 r
    nonResourceRules []authorization.v1.NonResourceRule #2 r L=a
    resourceRules []authorization.v1.ResourceRule #1 r L=a
    @rbac.v1.AggregationRule
    clusterRoleSelectors []meta.v1.LabelSelector #1 L=a
    @rbac.v1.ClusterRole G=rbac.authorization.k8s.io/v1/ClusterRole
    aggregationRule rbac.v1.AggregationRule #3
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    rules []rbac.v1.PolicyRule #2 ! L=a
    @rbac.v1.ClusterRoleBinding G=rbac.authorization.k8s.io/v1/ClusterRoleBinding
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    roleRef rbac.v1.RoleRef #3 r !
    subjects []rbac.v1.Subject #2 L=a
    @rbac.v1.ClusterRoleBindingList G=rbac.authorization.k8s.io/v1/ClusterRoleBindingList
    apiVersion string
    items []rbac.v1.ClusterRoleBinding #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.ClusterRoleList G=rbac.authorization.k8s.io/v1/ClusterRoleList
    apiVersion string
    items []rbac.v1.ClusterRole #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.PolicyRule
    apiGroups []string #2 L=a
    nonResourceURLs []string #5 L=a
    resourceNames []string #4 L=a
    resources []string #3 L=a
    verbs []string #1 r L=a
    @rbac.v1.Role G=rbac.authorization.k8s.io/v1/Role
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    rules []rbac.v1.PolicyRule #2 ! L=a
    @rbac.v1.RoleBinding G=rbac.authorization.k8s.io/v1/RoleBinding
    apiVersion string
    kind string
    metadata meta.v1.ObjectMeta #1 !
    roleRef rbac.v1.RoleRef #3 r !
    subjects []rbac.v1.Subject #2 L=a
    @rbac.v1.RoleBindingList G=rbac.authorization.k8s.io/v1/RoleBindingList
    apiVersion string
    items []rbac.v1.RoleBinding #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.RoleList G=rbac.authorization.k8s.io/v1/RoleList
    apiVersion string
    items []rbac.v1.Role #2 r
    kind string
    metadata meta.v1.ListMeta #1 !
    @rbac.v1.RoleRef M
    apiGroup string #1 !
    kind string #2 r
    name string #3 r
    @rbac.v1.Subject M
    apiGroup string #2
    kind string #1 r
    name string #3 r
    namespace string #4
    """#
