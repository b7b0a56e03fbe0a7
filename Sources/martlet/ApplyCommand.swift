import APIClient
import ArgumentParser
import CommandLineUI
import JSONText
import KubeObjects

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply YAML files by server-side apply, for machines without kubectl.",
        discussion: "Fields that other managers own are taken over.")

    @OptionGroup var target: ClusterOptions

    @Option(
        name: [.short, .customLong("filename")],
        help: "A file, a folder whose *.yaml, *.yml and *.json are taken in order, or - for standard input.")
    var files: [String]

    @Flag(help: "Delete the objects, last ones first.")
    var delete = false

    @Flag(help: "All objects in one write, under one revision, or none of them.")
    var atomic = false

    func validate() throws {
        if atomic, delete { throw ValidationError("--atomic applies; it does not delete") }
    }

    func run() async throws {
        let documents: [ManifestDocument]
        let client: HTTPSClient
        do {
            documents = try ManifestFiles.read(files)
            client = try target.client()
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
        var failures = 0
        if atomic {
            do throws(APIError) {
                try await applyAll(documents, client)
            } catch {
                failures = max(1, documents.count)
                Terminal.error("nothing was applied: \(ManifestFiles.located(error.message, in: documents))")
            }
        }
        for document in atomic ? [] : delete ? documents.reversed() : documents {
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

    private func applyAll(_ documents: [ManifestDocument], _ client: HTTPSClient) async throws(APIError) {
        let transaction: JSONValue = [
            "apiVersion": .string(APIResource.transactions.apiVersion), "kind": .string(APIResource.transactions.kind),
            "options": ["fieldManager": "martlet", "force": true], "items": .array(documents.map(\.body)),
        ]
        let made = try await client.create(
            ObjectReference(.transactions, name: ""), subresource: "", transaction)
        for document in documents {
            print("\(document.reference.resource.name)/\(document.reference.name) applied")
        }
        let count = documents.count.counted("object")
        print("\(count) at revision \(made[path: "status", "revision"]?.string ?? "?")")
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
