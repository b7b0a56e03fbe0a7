import Foundation
import NodeAgent
import Testing

@Suite struct LogReaderTests {
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "mt-log-\(UInt32.random(in: 0...UInt32.max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try body(folder + "/0.log")
    }

    private func line(_ number: Int) -> String { "2026-01-02T03:04:05Z stdout F line \(number)\n" }

    private func append(_ text: String, to path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            try "".write(toFile: path, atomically: false, encoding: .utf8)
        }
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    private func all(_ reader: inout LogReader) -> [String] {
        var filter = LogFilter(timestamps: false, since: nil, limitBytes: nil)
        var text: [UInt8] = []
        while true {
            let bytes = reader.read()
            if bytes.isEmpty { break }
            text += filter.feed(bytes)
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func aReaderGoesOverToTheNextFileWithoutLoss() throws {
        try inFolder { path in
            try append(line(1), to: path)
            var reader = LogReader(path, tailLines: nil)
            #expect(all(&reader) == ["line 1"])
            try append(line(2), to: path)
            let renamed = try LogRotation.rotate(path, now: Timestamp(seconds: 1), limit: 10, kept: 5)
            #expect(renamed != nil)
            // What is written through the old descriptor after the rename, then the new file.
            try append(line(3), to: try #require(renamed))
            try append(line(4), to: path)
            #expect(all(&reader) == ["line 2", "line 3", "line 4"])
        }
    }

    @Test func twoRotationsBetweenLooksLoseNothing() throws {
        try inFolder { path in
            try append(line(1), to: path)
            var reader = LogReader(path, tailLines: nil)
            #expect(all(&reader) == ["line 1"])
            for number in 2...4 {
                _ = try LogRotation.rotate(path, now: Timestamp(seconds: Int64(number)), limit: 10, kept: 5)
                try append(line(number), to: path)
            }
            #expect(all(&reader) == ["line 2", "line 3", "line 4"])
        }
    }

    @Test func onlySoManyFilesAreKept() throws {
        try inFolder { path in
            for number in 1...8 {
                try append(line(number), to: path)
                _ = try LogRotation.rotate(path, now: Timestamp(seconds: Int64(number)), limit: 10, kept: 5)
            }
            try append(line(9), to: path)
            let folder = String(path.dropLast("/0.log".count))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 5)
            var reader = LogReader(path, tailLines: nil)
            #expect(all(&reader) == (5...9).map { "line \($0)" })
        }
    }

    @Test func aSmallFileIsNotRotated() throws {
        try inFolder { path in
            try append(line(1), to: path)
            #expect(try LogRotation.rotate(path, now: Timestamp(seconds: 1), limit: 1000, kept: 5) == nil)
        }
    }

    @Test(arguments: [0, 1, 2, 3, 5, 6, 7, 100])
    func theTailIsCountedInLinesAcrossFiles(count: Int) throws {
        try inFolder { path in
            try append((1...3).map(line).joined(), to: path)
            _ = try LogRotation.rotate(path, now: Timestamp(seconds: 1), limit: 10, kept: 5)
            // A line of two records counts once.
            let parts = "2026-01-02T03:04:05Z stdout P li\n2026-01-02T03:04:05Z stdout F ne 4\n"
            try append(parts + (5...6).map(line).joined(), to: path)
            var reader = LogReader(path, tailLines: Int64(count))
            #expect(all(&reader) == (1...6).suffix(count).map { "line \($0)" })
        }
    }

    @Test func theTailOfALargeFileIsFound() throws {
        try inFolder { path in
            try append((1...20_000).map(line).joined(), to: path)
            var reader = LogReader(path, tailLines: 5_000)
            #expect(all(&reader) == (15_001...20_000).map { "line \($0)" })
        }
    }
}
