/// Values by endpoint number. Numbers are given out from the lowest free one, so that an array holds them: where a
/// change moves a thousand endpoints, a look by hash at each costs more than the rest of the work.
struct EndpointTable<Value: Sendable>: Sendable {
    private var values: [Value?] = []

    subscript(number: UInt32) -> Value? {
        get { number < values.count ? values[Int(number)] : nil }
        set {
            if number >= values.count {
                guard newValue != nil else { return }
                values.append(contentsOf: repeatElement(nil, count: Int(number) + 1 - values.count))
            }
            values[Int(number)] = newValue
        }
    }

    /// - Returns: the former value.
    mutating func updateValue(_ value: Value, for number: UInt32) -> Value? {
        let former = self[number]
        self[number] = value
        return former
    }

    /// - Returns: the former value.
    mutating func removeValue(for number: UInt32) -> Value? {
        let former = self[number]
        self[number] = nil
        return former
    }
}
