import APIServer
import ArgumentParser
import Store

/// `martletd store`: copies of the API's objects, and back.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Back up and restore the API's objects.",
        subcommands: [Backup.self, Restore.self])

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the objects as of one revision into a new directory; the daemon may run on.")

        @Option(help: "The daemon's state directory.")
        var state = "/var/lib/martlet"

        @Argument(help: "Directory for the copy; it is made, and must not have one yet.")
        var directory: String

        func run() async throws {
            let revision = try await Store.backup(of: "\(state)/store", to: directory)
            print("\(directory) holds \(state)/store at revision \(revision).")
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a copy the objects of a state directory that has none; the daemon has to be stopped.")

        @Option(help: "The daemon's state directory. What lies in its `store` is not overwritten: move it away.")
        var state = "/var/lib/martlet"

        @Argument(help: "Directory that `store backup` wrote.")
        var directory: String

        func run() async throws {
            try APIServerService.prepare(stateDirectory: state)
            try await Store.restore(from: directory, to: "\(state)/store", options: APICore.storeOptions)
            print("\(state)/store holds the objects of \(directory); clients list anew.")
        }
    }
}
