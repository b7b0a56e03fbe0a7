/// Why a text is no JSON that we take, and where.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case unexpectedEnd
        case unexpectedByte
        case badNumber
        case badEscape
        case badUTF8
        case controlCharacter
        case trailingText
        case tooDeep
        case tooLarge
        case tooManyValues
    }

    package let code: Code
    /// Byte offset of the first byte that could not be taken.
    package let offset: Int
    package let message: String

    package init(code: Code, offset: Int, message: String) {
        self.code = code
        self.offset = offset
        self.message = message
    }

    package var description: String { "\(message) (at byte \(offset))" }
}

/// What a parse refuses to exceed. The recursion of the parser, of the printer and of the destruction of a tree all
/// follow its depth, so the depth also guards the stack.
package struct JSONLimits: Sendable, Hashable {
    package var bytesMax: Int
    package var depthMax: Int
    package var valuesMax: Int
    /// Duplicate names are counted beyond this number, no longer listed.
    package var duplicatesListedMax: Int

    package init(
        bytesMax: Int = 16 << 20, depthMax: Int = 512, valuesMax: Int = 4 << 20, duplicatesListedMax: Int = 100
    ) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.valuesMax = valuesMax
        self.duplicatesListedMax = duplicatesListedMax
    }

    /// 16 MiB, 512 levels, 4 Mi values.
    package static let standard = JSONLimits()
}
