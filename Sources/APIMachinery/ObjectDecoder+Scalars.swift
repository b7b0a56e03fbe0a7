import JSONText

/// Scalars in canonical form.
extension ObjectDecoder {
    func scalar(_ value: JSONValue, _ type: FieldType) throws(APIStatus) -> JSONValue {
        switch type {
        case .string:
            guard case .string = value else { throw mismatch(value, "string") }
            return value
        case .boolean:
            guard case .bool = value else { throw mismatch(value, "bool") }
            return value
        case .int32, .int64: return try integer(value, type)
        case .double:
            if case .integer(let number) = value { return .number(Double(number)) }
            guard case .number = value else { throw mismatch(value, "float64") }
            return value
        case .bytes: return try bytes(value)
        case .quantity: return try quantity(value)
        case .time, .microTime: return try time(value, type)
        case .intOrString:
            switch value {
            case .integer, .string: return try integerOrText(value)
            case .null, .bool, .number, .array, .object: throw mismatch(value, "int32")
            }
        case .any, .fieldsV1, .message, .list, .map: return value
        }
    }

    private func integerOrText(_ value: JSONValue) throws(APIStatus) -> JSONValue {
        if case .string = value { return value }
        return try integer(value, .int32)
    }

    private func integer(_ value: JSONValue, _ type: FieldType) throws(APIStatus) -> JSONValue {
        switch value {
        case .integer(let number):
            guard type == .int64 || Int32(exactly: number) != nil else {
                throw .badRequest(
                    "json: cannot unmarshal number \(number) into Go struct field \(goPlace) of type int32")
            }
            return value
        case .null, .bool, .number, .string, .array, .object:
            throw mismatch(value, type == .int32 ? "int32" : "int64")
        }
    }

    private func bytes(_ value: JSONValue) throws(APIStatus) -> JSONValue {
        guard case .string(let text) = value else { throw mismatch(value, "[]uint8") }
        let (decoded, wrongAt) = Base64.decode(text)
        if let wrongAt { throw .badRequest("illegal base64 data at input byte \(wrongAt) of \(path)") }
        return .string(Base64.encode(decoded))
    }

    private func quantity(_ value: JSONValue) throws(APIStatus) -> JSONValue {
        let text: String
        switch value {
        case .string(let given): text = given
        case .integer(let number): text = String(number)
        case .number(let number): text = JSONPrinter.goText(number)
        case .null, .bool, .array, .object:
            throw .badRequest(
                "unable to parse quantity's suffix: \(path) is of type \(Self.jsonKind(value))")
        }
        guard let quantity = Quantity(text) else {
            throw .badRequest(
                "quantities must match the regular expression "
                    + "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' (\(path): \"\(text)\")")
        }
        return .string(quantity.text)
    }

    private func time(_ value: JSONValue, _ type: FieldType) throws(APIStatus) -> JSONValue {
        guard case .string(let text) = value else {
            throw mismatch(value, "v1.Time")
        }
        guard let time = Timestamp(text) else {
            let layout = type == .time ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00"
            throw .badRequest(
                "parsing time \"\(text)\" as \"\(layout)\": cannot parse \"\(text)\" as \"2006\" (\(path))")
        }
        return .string(type == .time ? time.text : time.microText)
    }
}
