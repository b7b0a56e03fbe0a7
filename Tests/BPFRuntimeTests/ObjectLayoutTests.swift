import BPFObjects
import CLibbpf
import CMartletABI
import Testing

/// The object's own description of its structs against Swift's view of the same header.
struct ObjectLayoutTests {
    private struct Field: Equatable {
        let name: String
        let offset: Int
    }

    private struct Layout: Equatable {
        let size: Int
        let fields: [Field]
    }

    /// Structs named `martlet_…` in the object's BTF.
    private func declared() throws -> [String: Layout] {
        let elf = BPFObject.martlet.elfBytes()
        let object = try #require(elf.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, nil) })
        defer { bpf_object__close(object) }
        let btf = try #require(bpf_object__btf(object))
        func text(_ offset: UInt32) -> String {
            btf__name_by_offset(btf, offset).map { String(cString: $0) } ?? ""
        }
        var layouts: [String: Layout] = [:]
        for id in 1..<btf__type_cnt(btf) {
            guard let type = btf__type_by_id(btf, id), type.pointee.info >> 24 & 0x1f == BTF_KIND_STRUCT else {
                continue
            }
            let name = text(type.pointee.name_off)
            guard name.hasPrefix("martlet_") else { continue }
            let count = Int(type.pointee.info & 0xffff)
            let fields = UnsafeRawPointer(type + 1).withMemoryRebound(to: btf_member.self, capacity: count) { members in
                (0..<count).map { Field(name: text(members[$0].name_off), offset: Int(members[$0].offset) / 8) }
            }
            layouts[name] = Layout(size: Int(type.pointee.size), fields: fields)
        }
        return layouts
    }

    /// Swift's view, from a value: fields in order, each at the next multiple of its alignment.
    private func imported(_ value: any BitwiseCopyable) -> (String, Layout) {
        func layout<Value>(_: Value) -> (size: Int, alignment: Int) {
            (MemoryLayout<Value>.size, MemoryLayout<Value>.alignment)
        }
        var offset = 0
        var fields: [Field] = []
        for child in Mirror(reflecting: value).children {
            let actual = _openExistential(child.value, do: layout)
            offset = (offset + actual.alignment - 1) / actual.alignment * actual.alignment
            fields.append(Field(name: child.label ?? "", offset: offset))
            offset += actual.size
        }
        let size = _openExistential(value, do: layout).size
        return ("\(type(of: value))", Layout(size: size, fields: fields))
    }

    @Test("Every struct that the object shares has the size and the offsets that Swift sees")
    func layouts() throws {
        let declared = try declared()
        let values: [any BitwiseCopyable] = [
            martlet_address(), martlet_prefix(), martlet_config(), martlet_control(), martlet_endpoint(),
            martlet_network_key(), martlet_network(), martlet_rule(), martlet_rule_page(), martlet_list(),
            martlet_class_lists(), martlet_class_row(), martlet_block_row(), martlet_frontend_key(), martlet_service(),
            martlet_backend(),
            martlet_event(), martlet_tuple(), martlet_flow_key(), martlet_flow(), martlet_translation(),
            martlet_masquerade_key(), martlet_masquerade(), martlet_fragment_key(), martlet_fragment(),
            martlet_socket_key(), martlet_socket_frontend(), martlet_question(),
        ]
        var compared: Set<String> = []
        for value in values {
            let (name, ours) = imported(value)
            guard let theirs = declared[name] else { continue }
            #expect(ours == theirs, "\(name)")
            compared.insert(name)
        }
        #expect(Set(declared.keys).subtracting(compared).isEmpty, "structs of the object that are not compared")
        #expect(compared.count >= 20, "\(compared.sorted())")
    }
}
