package import CMartletABI

/// What a generation may change is four values, one by slot; Swift sees them as a tuple.
package enum GenerationSlots {
    /// The slot of a generation.
    package static func index(of generation: UInt32) -> Int { Int(generation & 3) }

    package static func get<Value>(_ values: (Value, Value, Value, Value), _ slot: Int) -> Value {
        switch slot {
        case 0: return values.0
        case 1: return values.1
        case 2: return values.2
        default:
            precondition(slot == 3, "a slot is 0 to 3")
            return values.3
        }
    }

    package static func set<Value>(_ values: inout (Value, Value, Value, Value), _ slot: Int, _ value: Value) {
        switch slot {
        case 0: values.0 = value
        case 1: values.1 = value
        case 2: values.2 = value
        default:
            precondition(slot == 3, "a slot is 0 to 3")
            values.3 = value
        }
    }
}

extension martlet_endpoint {
    /// Class of the endpoint in a slot; 0 is no class.
    package subscript(class slot: Int) -> UInt32 {
        get { GenerationSlots.get(class_id, slot) }
        set { GenerationSlots.set(&class_id, slot, newValue) }
    }
}

extension martlet_network {
    package subscript(cidrClass slot: Int) -> UInt32 {
        get { GenerationSlots.get(cidr_class, slot) }
        set { GenerationSlots.set(&cidr_class, slot, newValue) }
    }
}

extension martlet_control {
    package subscript(flags slot: Int) -> UInt32 {
        get { GenerationSlots.get(flags, slot) }
        set { GenerationSlots.set(&flags, slot, newValue) }
    }
}

extension martlet_class_lists {
    package subscript(ingress slot: Int) -> martlet_list {
        get { GenerationSlots.get(ingress, slot) }
        set { GenerationSlots.set(&ingress, slot, newValue) }
    }

    package subscript(egress slot: Int) -> martlet_list {
        get { GenerationSlots.get(egress, slot) }
        set { GenerationSlots.set(&egress, slot, newValue) }
    }
}

extension martlet_class_row {
    /// Bit of a selector.
    package subscript(selector bit: Int) -> Bool {
        get { withUnsafeBytes(of: words) { BitRow.get($0, bit) } }
        set { withUnsafeMutableBytes(of: &words) { BitRow.set($0, bit, newValue) } }
    }

    /// The row whose bits are those listed.
    package init(selectors: some Sequence<Int>) {
        self.init()
        for bit in selectors { self[selector: bit] = true }
    }

    package var selectors: [Int] { withUnsafeBytes(of: words) { BitRow.members($0) } }
}

extension martlet_block_row {
    /// Bit of a block.
    package subscript(block bit: Int) -> Bool {
        get { withUnsafeBytes(of: words) { BitRow.get($0, bit) } }
        set { withUnsafeMutableBytes(of: &words) { BitRow.set($0, bit, newValue) } }
    }

    package init(blocks: some Sequence<Int>) {
        self.init()
        for bit in blocks { self[block: bit] = true }
    }

    package var blocks: [Int] { withUnsafeBytes(of: words) { BitRow.members($0) } }
}

/// Bit `n` of a row is bit `n % 64` of word `n / 64`, words in host order.
enum BitRow {
    static func get(_ row: UnsafeRawBufferPointer, _ bit: Int) -> Bool {
        row.load(fromByteOffset: bit / 64 * 8, as: UInt64.self) & (1 << UInt64(bit % 64)) != 0
    }

    static func set(_ row: UnsafeMutableRawBufferPointer, _ bit: Int, _ value: Bool) {
        let old = row.load(fromByteOffset: bit / 64 * 8, as: UInt64.self)
        let mask = UInt64(1) << UInt64(bit % 64)
        row.storeBytes(of: value ? old | mask : old & ~mask, toByteOffset: bit / 64 * 8, as: UInt64.self)
    }

    static func members(_ row: UnsafeRawBufferPointer) -> [Int] {
        (0..<row.count * 8).filter { get(row, $0) }
    }
}
