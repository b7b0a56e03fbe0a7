import PolicyTools
import Testing

/// What is said of names and kinds depends on the objects that are given.
@Suite struct PolicyLintGivenTests {
    /// Pods of files have no addresses: any may be theirs.
    @Test func aNameAtABlockDependsOnThePodsThatAreKnown() throws {
        let policy = PolicyLintTests.policy(
            "p",
            "policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.1.0.0/16}}], ports: [{port: sql}]}]")
        func findings(_ pods: String) throws -> [LintFinding] {
            PolicyLint(try PolicyLintTests.world(pods + policy), serviceBlocks: []).findings()
                .filter { $0.check == .neverMatches }
        }
        let open = try findings(PolicyLintTests.pods)
        #expect(open.map(\.severity) == [.warning])
        #expect(open.allSatisfy { $0.meaning.contains("the addresses of 1 such pod are not known") }, "\(open)")
        #expect(try findings(PolicyLintTests.pods.replacing("sql", with: "other")).map(\.severity) == [.error])
        #expect(try findings("") == [])
    }

    /// What is Martlet's own is not to be said in another way.
    @Test func ofOwnKindsItIsSaidWhoJudgesThem() throws {
        func advice(_ more: String) throws -> String {
            let own = "apiVersion: martlet.io/v1alpha1\nkind: NetworkInvariant\nmetadata: {name: i}\nspec: {}\n---\n"
            return PolicyLint(try PolicyLintTests.world(own + more), serviceBlocks: []).findings()
                .filter { $0.check == .notJudged }.map(\.advice).joined()
        }
        let own = "kinds of martlet.io say nothing that lint judges: the API server does"
        #expect(try advice("") == own)
        let foreign = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c}\n"
        #expect(try advice(foreign).hasPrefix(own + "; nothing of the others is enforced as a policy: say it as"))
    }
}
