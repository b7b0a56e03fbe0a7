import Testing

@testable import APIClient

@Suite struct KubeconfigTests {
    private let text = """
        apiVersion: v1
        kind: Config
        current-context: admin
        clusters:
        - name: one
          cluster: {server: "https://127.0.0.1:6443/", certificate-authority-data: "UEVN"}
        - name: two
          cluster: {server: "https://two.example", insecure-skip-tls-verify: true, proxy-url: "http://p"}
        contexts:
        - name: admin
          context: {cluster: one, user: admin, namespace: shop}
        - name: token
          context: {cluster: one, user: token}
        - name: plugin
          context: {cluster: one, user: plugin}
        - name: proxied
          context: {cluster: two, user: token}
        - name: half
          context: {cluster: one, user: half}
        - name: lost
          context: {cluster: nowhere, user: admin}
        users:
        - name: admin
          user: {client-certificate-data: "Q0VSVA==", client-key-data: "S0VZ"}
        - name: token
          user: {token: abc}
        - name: plugin
          user: {exec: {command: aws}}
        - name: half
          user: {client-certificate-data: "Q0VSVA=="}
        """

    private func code(_ body: () throws -> Void) -> ClusterAccessError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ClusterAccessError)?.code
        }
    }

    @Test func theCurrentContextJoinsClusterAndUser() throws {
        let access = try Kubeconfig(yaml: text).access()
        #expect(access.server == "https://127.0.0.1:6443")
        #expect(access.certificateAuthorityPEM == Array("PEM".utf8))
        #expect(access.clientCertificatePEM == Array("CERT".utf8))
        #expect(access.clientKeyPEM == Array("KEY".utf8))
        #expect(access.namespace == "shop")
        #expect(access.token == nil)
    }

    @Test func anotherContextIsFoundByName() throws {
        let access = try Kubeconfig(yaml: text).access(context: "token")
        #expect(access.token == .fixed("abc"))
        #expect(access.namespace == "default")
    }

    @Test func whatIsNotDoneIsRefusedByField() throws {
        let config = try Kubeconfig(yaml: text)
        #expect(code { _ = try config.access(context: "plugin") } == .unsupported)
        #expect(code { _ = try config.access(context: "proxied") } == .unsupported)
        #expect(code { _ = try config.access(context: "half") } == .invalid)
        #expect(code { _ = try config.access(context: "lost") } == .missing)
        #expect(code { _ = try config.access(context: "none") } == .missing)
    }

    @Test(arguments: ["", "[]", "clusters: [{cluster: {}}]", "a: [", "clusters: 5\ncurrent-context: 7"])
    func malformedTextIsAnErrorAndNoCrash(yaml: String) {
        #expect(code { _ = try Kubeconfig(yaml: yaml).access() } != nil)
    }

    @Test func aPodKnowsItsClusterFromItsEnvironment() {
        #expect(code { _ = try ClusterAccess.inCluster(environment: [:]) } == .missing)
        let environment = ["KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"]
        #expect(code { _ = try ClusterAccess.inCluster(environment: environment, directory: "/absent") } == .unreadable)
    }
}
