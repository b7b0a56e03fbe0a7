import ArgumentParser
import FoundationEssentials
import NodeAgent

/// Writes the image of the demo's shop from this machine's busybox, and imports it into a node.
struct NodeShopImage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop-image", abstract: "Make the image of Examples/shop and import it into a node.")

    @OptionGroup var identity: NodeIdentity

    func run() throws {
        let layout = try NodeLayout(id: identity.id)
        guard let busybox = try? Data(contentsOf: URL(filePath: NodeImages.busyboxPath)) else {
            throw NodeError(.missingProgram, "busybox is not installed; apt-get install busybox-static")
        }
        let archive = "\(layout.images)/shop.tar"
        do {
            try Data(NodeImages.shop(busybox: [UInt8](busybox)).bytes()).write(to: URL(filePath: archive))
        } catch {
            throw NodeError(.system, "cannot write \(archive)", cause: error)
        }
        try NodeContainerd(layout: layout).importImage(archive)
        print("imported \(NodeImages.shopReference)")
    }
}
