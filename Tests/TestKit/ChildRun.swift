import Foundation
package import JSONText

/// A finished child process.
package struct Finished: Sendable {
    package let status: Int32
    package let output: String
    package var json: JSONValue? { try? JSONValue(parsing: Array(output.utf8)) }
}

/// Runs a program to its end, off the cooperative pool. `joinsErrors`: `output` has standard error too. One that runs
/// longer than `secondsMax` is killed, and its status is then the signal's number.
package func launch(
    _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], input: String = "",
    joinsErrors: Bool = false, secondsMax: Int = 60
) async throws -> Finished {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = arguments
            process.environment = environment
            let (standardInput, standardOutput) = (Pipe(), Pipe())
            process.standardInput = standardInput
            process.standardOutput = standardOutput
            if joinsErrors { process.standardError = standardOutput }
            do {
                try process.run()
                let killer = DispatchWorkItem { kill(process.processIdentifier, SIGKILL) }
                DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(secondsMax), execute: killer)
                defer { killer.cancel() }
                standardInput.fileHandleForWriting.write(Data(input.utf8))
                try standardInput.fileHandleForWriting.close()
                let output = standardOutput.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(
                    returning: Finished(
                        status: process.terminationStatus, output: String(decoding: output, as: UTF8.self)))
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

/// A program as built beside the tests.
package func builtProgram(_ name: String) throws -> String {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/" + name
}
