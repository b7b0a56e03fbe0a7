import APIClient
import ArgumentParser
import Glibc
import Logging

/// Whose API server is asked, and as whom.
struct ClusterOptions: ParsableArguments {
    @Option(help: "Kubeconfig. Default: that of --id, KUBECONFIG, else the administrator's own.")
    var kubeconfig: String?

    @Option(help: "A node made by martletd node start: its administrator's kubeconfig.")
    var id: String?

    func client() throws -> HTTPSClient {
        let path =
            kubeconfig ?? id.map { "/run/martlet/\($0)/admin.kubeconfig" }
            ?? getenv("KUBECONFIG").map { String(cString: $0) } ?? "/etc/martlet/admin.kubeconfig"
        return try HTTPSClient(try Kubeconfig(path: path).access(), logger: Logger(label: "martlet"))
    }
}
