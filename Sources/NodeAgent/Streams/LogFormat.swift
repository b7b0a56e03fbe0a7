/// One record of a CRI log file: `TIME STREAM TAGS TEXT`, where tag P says that the line goes on in the next record.
package struct LogRecord: Hashable, Sendable {
    /// The time as it stands in the file.
    package var time: ArraySlice<UInt8>
    package var isError: Bool
    package var isPartial: Bool
    package var text: ArraySlice<UInt8>

    /// Reads one record without its newline; nil where it has another form.
    package init?(_ line: ArraySlice<UInt8>) {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space) else { return nil }
        let afterTime = line[(first + 1)...]
        guard let second = afterTime.firstIndex(of: space) else { return nil }
        let stream = afterTime[..<second]
        guard stream.elementsEqual("stdout".utf8) || stream.elementsEqual("stderr".utf8) else { return nil }
        let afterStream = line[(second + 1)...]
        let end = afterStream.firstIndex(of: space) ?? afterStream.endIndex
        let tag = afterStream[..<end].split(separator: UInt8(ascii: ":")).first
        guard let tag, tag.elementsEqual("P".utf8) || tag.elementsEqual("F".utf8) else { return nil }
        time = line[..<first]
        isError = stream.elementsEqual("stderr".utf8)
        isPartial = tag.elementsEqual("P".utf8)
        text = end == afterStream.endIndex ? [] : afterStream[(end + 1)...]
    }
}

/// Turns the bytes of CRI log files into what a client of the API gets.
package struct LogFilter: Sendable {
    private let timestamps: Bool
    private let since: Timestamp?
    private var bytesLeft: Int64?
    private var rest: [UInt8] = []
    private var isInsideLine = false
    private var isSkipping = false

    package init(timestamps: Bool, since: Timestamp?, limitBytes: Int64?) {
        self.timestamps = timestamps
        self.since = since
        bytesLeft = limitBytes
    }

    /// Nothing more will come out: the limit of bytes is reached.
    package var isFull: Bool { bytesLeft == 0 }

    package mutating func feed(_ bytes: [UInt8]) -> [UInt8] {
        rest += bytes
        var output: [UInt8] = []
        var start = rest.startIndex
        while let newline = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            emit(rest[start..<newline], into: &output)
            start = newline + 1
        }
        rest.removeSubrange(..<start)
        if let limit = bytesLeft {
            if output.count > limit { output.removeLast(output.count - Int(limit)) }
            bytesLeft = limit - Int64(output.count)
        }
        return output
    }

    private mutating func emit(_ line: ArraySlice<UInt8>, into output: inout [UInt8]) {
        guard let record = LogRecord(line) else { return }
        if !isInsideLine {
            isSkipping = since.map { moment in Timestamp(utf8: record.time).map { $0 < moment } ?? false } ?? false
        }
        if !isSkipping {
            if timestamps && !isInsideLine {
                output += record.time
                output.append(UInt8(ascii: " "))
            }
            output += record.text
            if !record.isPartial { output.append(UInt8(ascii: "\n")) }
        }
        isInsideLine = record.isPartial
    }
}

/// The end of a log file.
enum LogTail {
    /// Where the last `lines` whole lines begin; a line of several records counts once. Blocks.
    static func offset(of path: String, lines: Int64) -> Int64 {
        guard let size = FileCalls.size(path), lines > 0 else { return FileCalls.size(path) ?? 0 }
        guard let file = LogFile(path) else { return 0 }
        var end = size
        var found: Int64 = 0
        var following: [UInt8] = []
        while end > 0 {
            let start = max(0, end - 65536)
            let chunk = file.read(at: start, count: Int(end - start)) + following
            var position = chunk.endIndex
            var lineEnd = position
            while position > chunk.startIndex {
                guard let newline = chunk[..<(position - 1)].lastIndex(of: UInt8(ascii: "\n")) else { break }
                if endsLine(chunk[(newline + 1)..<lineEnd]) {
                    if found == lines { return start + Int64(lineEnd) }
                    found += 1
                }
                lineEnd = newline + 1
                position = newline + 1
            }
            if start == 0 {
                let isFull = endsLine(chunk[..<lineEnd])
                return isFull && found == lines ? Int64(lineEnd) : 0
            }
            following = Array(chunk[..<lineEnd])
            end = start
            if following.count > 1 << 20 { return start }
        }
        return 0
    }

    /// How many whole lines a file holds. Blocks.
    static func lines(of file: LogFile) -> Int64 {
        var count: Int64 = 0
        var position: Int64 = 0
        var rest: [UInt8] = []
        while true {
            let chunk = file.read(at: position, count: 65536)
            if chunk.isEmpty { return count }
            position += Int64(chunk.count)
            rest += chunk
            var start = rest.startIndex
            while let newline = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                if endsLine(rest[start...newline]) { count += 1 }
                start = newline + 1
            }
            rest.removeSubrange(..<start)
        }
    }

    private static func endsLine(_ line: ArraySlice<UInt8>) -> Bool {
        guard line.last == UInt8(ascii: "\n") else { return false }
        return LogRecord(line.dropLast()).map { !$0.isPartial } ?? false
    }

    /// The last lines as text, cut at the front to `bytes`. Blocks.
    static func text(of path: String, lines: Int64, bytes: Int) -> String {
        guard let file = LogFile(path) else { return "" }
        var filter = LogFilter(timestamps: false, since: nil, limitBytes: nil)
        var text: [UInt8] = []
        var position = offset(of: path, lines: lines)
        while true {
            let chunk = file.read(at: position, count: 65536)
            if chunk.isEmpty { break }
            position += Int64(chunk.count)
            text = (text + filter.feed(chunk)).suffix(bytes)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
