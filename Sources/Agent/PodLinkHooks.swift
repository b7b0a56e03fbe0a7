package import BPFRuntime
import DaemonAPI
import MapLayout
package import PodNetwork

/// Closed filters and programs of pods' links, over the datapath.
package struct PodLinkHooks: AttachmentDatapath {
    let datapath: any Datapath

    package init(datapath: any Datapath) { self.datapath = datapath }

    package func attach(_ attachment: PodAttachment) async throws(PodNetworkError) {
        do throws(DatapathError) {
            try datapath.closePod(interface: attachment.hostIndex)
            try datapath.attachPod(interface: attachment.hostIndex)
            if try datapath.get(MapCatalog.podNamespaces, attachment.namespaceCookie) == nil {
                try datapath.put(MapCatalog.podNamespaces, attachment.namespaceCookie, 0)
            }
        } catch {
            throw PodNetworkError(
                .ioFailure, "programs of \(attachment.hostInterface) for \(attachment.owner)", cause: error)
        }
    }

    package func verify(_ attachment: PodAttachment) async throws(PodNetworkError) {
        let missing: String?
        do throws(DatapathError) {
            missing = try Self.missing(attachment, datapath, try datapath.attachments())
        } catch {
            throw PodNetworkError(.ioFailure, "programs of \(attachment.hostInterface)", cause: error)
        }
        if let missing { throw PodNetworkError(.stateMismatch, missing) }
    }

    /// The first thing that a pod's link lacks, in words; nil where it has its programs, its closed filter and its
    /// namespace's entry. `hooks`: all that is attached now.
    static func missing(_ attachment: PodAttachment, _ datapath: any Datapath, _ hooks: [Attachment])
        throws(DatapathError) -> String?
    {
        let programs = hooks.filter { $0.kind == .pod && $0.interface == attachment.hostIndex }
        for name in ["from_pod", "to_pod"] where !programs.contains(where: { $0.program == name }) {
            return "\(attachment.hostInterface) does not run \(name)"
        }
        guard try datapath.isClosed(interface: attachment.hostIndex) else {
            return "\(attachment.hostInterface) has no closed filter behind its programs"
        }
        guard try datapath.get(MapCatalog.podNamespaces, attachment.namespaceCookie) != nil else {
            return "the network namespace of \(attachment.owner) is not registered for connect"
        }
        return nil
    }

    package func detach(_ attachment: PodAttachment) async throws(PodNetworkError) {
        do throws(DatapathError) {
            try datapath.remove(MapCatalog.podNamespaces, attachment.namespaceCookie)
            if attachment.hostIndex != 0 { try datapath.detachPod(interface: attachment.hostIndex) }
        } catch {
            throw PodNetworkError(.ioFailure, "programs of \(attachment.hostInterface)", cause: error)
        }
    }
}
