import JSONText
import NetTypes

/// Typed access to the fields of a message; each failure names the field.
extension JSONValue {
    func requiredString(_ field: String) throws(DaemonError) -> String {
        guard let text = self[field]?.string else {
            throw DaemonError(.decodingFailure, "\(field) is missing or no string")
        }
        return text
    }

    func optionalString(_ field: String) throws(DaemonError) -> String? {
        guard let value = self[field], !value.isNull else { return nil }
        guard let text = value.string else { throw DaemonError(.decodingFailure, "\(field) is no string") }
        return text
    }

    func optionalBool(_ field: String) throws(DaemonError) -> Bool? {
        guard let value = self[field], !value.isNull else { return nil }
        guard let flag = value.bool else { throw DaemonError(.decodingFailure, "\(field) is neither true nor false") }
        return flag
    }

    func optionalInteger(_ field: String, in range: ClosedRange<Int64>) throws(DaemonError) -> Int64? {
        guard let value = self[field], !value.isNull else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw DaemonError(.decodingFailure, "\(field) is no integer of \(range.lowerBound)…\(range.upperBound)")
        }
        return number
    }

    func requiredInteger(_ field: String, in range: ClosedRange<Int64>) throws(DaemonError) -> Int64 {
        guard let number = try optionalInteger(field, in: range) else {
            throw DaemonError(.decodingFailure, "\(field) is missing")
        }
        return number
    }

    func elements(_ field: String) throws(DaemonError) -> [JSONValue] {
        guard let value = self[field], !value.isNull else { return [] }
        guard let list = value.array else { throw DaemonError(.decodingFailure, "\(field) is no list") }
        return list
    }

    func addresses(_ field: String) throws(DaemonError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        for element in try elements(field) {
            guard let text = element.string, let address = IPAddress(text) else {
                throw DaemonError(.decodingFailure, "\(field) holds something that is no IP address")
            }
            addresses.append(address)
        }
        return addresses
    }
}
