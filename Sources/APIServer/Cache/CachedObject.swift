import APIMachinery
package import JSONText
import KubeObjects
import Store
import Synchronization

/// One object as the cache holds it: its encoded bytes once, from which lists, watches and answers are cut.
///
/// The bytes are JSON that starts with kind, apiVersion and metadata, resourceVersion first in it, so that a list drops
/// the first two members by an offset.
package final class CachedObject: Sendable {
    /// `namespace/name`, or `name` for kinds without namespace.
    package let key: String
    package let revision: Int64
    private let content: StoredValue
    /// Where `"metadata"` starts in `bytes`.
    let metadataOffset: Int
    private let projection = Mutex<Projection?>(nil)

    /// What selectors read beside the key.
    struct Projection: Sendable {
        let labels: [String: String]
        /// Values of the kind's selectable fields, in the order of their names.
        let fields: [String]
    }

    init(key: String, revision: Int64, content: StoredValue) {
        self.key = key
        self.revision = revision
        self.content = content
        metadataOffset = StoredForm.metadataOffset(in: content.bytes)
    }

    /// The whole object as JSON, unpacked for this where it has lain for a while: to be asked for once.
    package var bytes: [UInt8] { content.bytes }

    package var byteCount: Int { content.count }

    /// Empty for kinds without namespace.
    package var namespace: Substring {
        guard let slash = key.utf8.firstIndex(of: UInt8(ascii: "/")) else { return "" }
        return key[..<slash]
    }

    package var name: Substring {
        guard let slash = key.utf8.firstIndex(of: UInt8(ascii: "/")) else { return key[...] }
        return key[key.index(after: slash)...]
    }

    /// Whether labels and fields match; parses the bytes at most once, and only where the key does not decide.
    func matches(_ selector: ObjectSelector, rules: any KindRules.Type) -> Bool {
        if selector.isEmpty { return true }
        return selector.matches(key: self) {
            projection.withLock { projection in
                if let projection { return projection }
                let made = Projection(plainTree(), rules)
                projection = made
                return made
            }
        }
    }

    /// The object as a tree. Bytes in the cache were written by us, so that they always parse; should they not, the
    /// tree is empty and the reader sees an object without fields.
    package func tree() -> JSONValue {
        (try? JSONValue(parsing: bytes)) ?? [:]
    }

    /// The object without `metadata.managedFields`: for readers of this process, who never look at them. They are a
    /// third of a Pod's bytes and more of its tree.
    package func plainTree(isMetadataOnly: Bool = false) -> JSONValue {
        let parts = JSONParts(omitted: ["metadata", "managedFields"], last: isMetadataOnly ? "metadata" : nil)
        return (try? JSONValue(parsing: bytes, only: parts)) ?? [:]
    }
}

extension CachedObject.Projection {
    private static let labelSets = Mutex(LabelSets())

    init(_ tree: JSONValue, _ rules: any KindRules.Type) {
        let labels = (tree[path: "metadata", "labels"]?.object ?? [:]).compactMapValues(\.string)
        self.labels = Self.labelSets.withLock { $0.shared(labels) }
        let values = rules.selectableFields(tree)
        fields = rules.selectableFieldNames.map { values[$0] ?? "" }
    }
}

/// How objects lie in the store: JSON in which the store itself writes the resourceVersion, first in the metadata.
package struct StoredForm: Sendable {
    package let bytes: [UInt8]
    /// Where the store inserts the revision's digits.
    package let stampAt: Int

    package init(_ object: JSONValue) {
        var members = object.object ?? [:]
        let kind = members.removeValue(forKey: "kind")?.string ?? ""
        let apiVersion = members.removeValue(forKey: "apiVersion")?.string ?? ""
        var metadata = members.removeValue(forKey: "metadata")?.object ?? [:]
        metadata["resourceVersion"] = nil
        let printer = JSONPrinter()
        var out: [UInt8] = []
        out.reserveCapacity(2048)
        out += "{\"kind\":\"\(kind)\",\"apiVersion\":\"\(apiVersion)\",\"metadata\":{\"resourceVersion\":\"".utf8
        stampAt = out.count
        out.append(UInt8(ascii: "\""))
        Self.append(metadata, to: &out, printer)
        Self.append(members, to: &out, printer)
        bytes = out
    }

    /// The members of an object that is open and not empty, and its end.
    private static func append(_ members: [String: JSONValue], to out: inout [UInt8], _ printer: JSONPrinter) {
        var inner: [UInt8] = []
        printer.write(.object(members), to: &inner)
        if !members.isEmpty { out.append(UInt8(ascii: ",")) }
        out += inner.dropFirst()
    }

    /// Where the metadata starts in stored bytes: after kind and apiVersion, which are short.
    static func metadataOffset(in bytes: [UInt8]) -> Int {
        let marker = Array("\"metadata\":{".utf8)
        let last = min(bytes.count - marker.count, 300)
        guard last >= 0 else { return 1 }
        for at in 0...last where bytes[at] == marker[0] && bytes[at..<at + marker.count].elementsEqual(marker) {
            return at
        }
        return 1
    }
}
