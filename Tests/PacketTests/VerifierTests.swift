import BPFRuntime
import Glibc
import Testing

extension PacketSuite {
    /// What programs cost the verifier, against `instructions.txt` beside this file: a program may grow by a tenth.
    /// `MARTLET_RECORD=1` writes the file anew.
    @Suite
    struct VerifierTests {
        private static let ceiling: UInt32 = 100_000

        private static var recordPath: String {
            var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            parts[parts.count - 1] = "instructions.txt"
            return parts.joined(separator: "/")
        }

        @Test("No program costs the verifier a tenth more than recorded, nor a hundred thousand instructions")
        func instructions() throws {
            let node = try PacketNode(uplink: 1)
            let programs = try node.datapath.inventory().programs.sorted { $0.name < $1.name }
            let text = programs.map { "\($0.name) \($0.verifiedInstructions)\n" }.joined()
            if getenv("MARTLET_RECORD") != nil {
                let file = try #require(fopen(Self.recordPath, "w"))
                fputs(text, file)
                fclose(file)
            }
            let recorded = try record()
            #expect(Set(recorded.keys) == Set(programs.map(\.name)))
            for program in programs {
                #expect(program.verifiedInstructions <= Self.ceiling, "\(program.name)")
                let limit = (recorded[program.name] ?? 0) * 11 / 10
                #expect(program.verifiedInstructions <= limit, "\(program.name) grew past \(limit)")
            }
        }

        private func record() throws -> [String: UInt32] {
            let file = try #require(fopen(Self.recordPath, "r"), "no record of instructions")
            defer { fclose(file) }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = fread(&buffer, 1, buffer.count, file)
            var recorded: [String: UInt32] = [:]
            for line in String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 2 else { continue }
                recorded[String(words[0])] = UInt32(words[1])
            }
            return recorded
        }
    }
}
