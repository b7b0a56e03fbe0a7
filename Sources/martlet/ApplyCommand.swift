import APIClient
import ArgumentParser
import CommandLineUI
import Glibc
import Logging

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply YAML files by server-side apply, for machines without kubectl.")

    @Option(help: "Kubeconfig. Default: KUBECONFIG, else the administrator's own.")
    var kubeconfig: String?

    @Option(help: "A node made by martletd node start: its administrator's kubeconfig.")
    var id: String?

    @Option(name: [.short, .customLong("filename")], help: "A file, or a folder whose *.yaml are taken in order.")
    var files: [String]

    @Flag(help: "Delete the objects, last ones first.")
    var delete = false

    func run() async throws {
        let path =
            kubeconfig ?? id.map { "/run/martlet/\($0)/admin.kubeconfig" }
            ?? getenv("KUBECONFIG").map { String(cString: $0) } ?? "/etc/martlet/admin.kubeconfig"
        let documents: [ManifestDocument]
        let client: HTTPSClient
        do {
            documents = try ManifestFiles.read(files)
            client = try HTTPSClient(try Kubeconfig(path: path).access(), logger: Logger(label: "martlet"))
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
        var failures = 0
        for document in delete ? documents.reversed() : documents {
            do throws(APIError) {
                try await carryOut(document, client)
            } catch {
                failures += 1
                Terminal.error("\(document.source): \(error.message)")
            }
        }
        await client.shutDown()
        if failures > 0 { throw ExitCode(1) }
    }

    private func carryOut(_ document: ManifestDocument, _ client: HTTPSClient) async throws(APIError) {
        let name = "\(document.reference.resource.name)/\(document.reference.name)"
        if delete {
            _ = try await client.delete(document.reference, options: nil)
            print("\(name) deleted")
        } else {
            _ = try await client.patch(
                document.reference, subresource: "", type: .apply, fieldManager: "martlet", force: true,
                document.body)
            print("\(name) applied")
        }
    }
}
