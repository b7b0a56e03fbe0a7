import Foundation
import FoundationXML

/// The elements of an XML document by name, with their attributes.
final class MarkupReader: NSObject, XMLParserDelegate {
    private(set) var elements: [String: [[String: String]]] = [:]

    /// Throws where the document is not well formed.
    init(text: String) throws {
        super.init()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = self
        guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
    }

    convenience init(path: String) throws {
        try self.init(text: try String(contentsOfFile: path, encoding: .utf8))
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements[name, default: []].append(attributes)
    }
}
