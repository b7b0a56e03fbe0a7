/// What `policy lint` looks for. The names are stable, for filters; docs/policy/lint.md has each with an example.
package enum LintCheck: String, CaseIterable, Sendable {
    case unreadable
    case repeated
    case doesNotFit = "does-not-fit"
    case noNamespace = "no-namespace"
    case neverMatches = "never-matches"
    case ignoredRules = "ignored-rules"
    case selectsNothing = "selects-nothing"
    case hostNetwork = "host-network"
    case noPodSelector = "no-pod-selector"
    case policyTypes = "policy-types"
    case egressWithoutDNS = "egress-without-dns"
    case nameServerClosed = "name-server-closed"
    case emptyPeers = "empty-peers"
    case splitPeers = "split-peers"
    case peerSelectsNothing = "peer-selects-nothing"
    case unknownPort = "unknown-port"
    case shadowed
    case overlappingBlocks = "overlapping-blocks"
    case allowsEverything = "allows-everything"
    case everyPod = "every-pod"
    case dryRun = "dry-run"
    case overruled
    case noRules = "no-rules"
    case networksHoldPods = "networks-hold-pods"
    case ownNode = "own-node"
    case samePriority = "same-priority"
    case notJudged = "not-judged"
    case notCompared = "not-compared"
}
