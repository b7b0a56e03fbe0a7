import JSONText

/// Computes a pod's /etc/hosts, host name and resolver settings.
package struct HostFiles {
    private let pod: PodObject
    private let configuration: NodeAgentConfiguration

    package init(_ pod: PodObject, configuration: NodeAgentConfiguration) {
        self.pod = pod
        self.configuration = configuration
    }

    /// The host's own name for a pod in the host's network.
    package var hostname: String {
        if pod.usesHostNetwork { return configuration.nodeName }
        let short = String((pod.spec["hostname"]?.string ?? pod.name).prefix(63))
        let trimmed = short.reversed().drop { $0 == "-" || $0 == "." }.reversed()
        guard pod.spec["setHostnameAsFQDN"]?.bool == true, let domain else { return String(trimmed) }
        return String(trimmed) + "." + domain
    }

    private var domain: String? {
        guard let subdomain = pod.spec["subdomain"]?.string, !subdomain.isEmpty else { return nil }
        return "\(subdomain).\(pod.namespace).svc.\(configuration.clusterDomain)"
    }

    package func hosts(addresses: [String]) -> String {
        var lines = [
            "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", "fe00::\tip6-localnet",
            "ff00::\tip6-mcastprefix", "ff02::1\tip6-allnodes", "ff02::2\tip6-allrouters",
        ]
        let short = hostname.split(separator: ".").first.map(String.init) ?? hostname
        for address in addresses {
            lines.append(domain.map { "\(address)\t\(short).\($0)\t\(short)" } ?? "\(address)\t\(hostname)")
        }
        for alias in pod.spec["hostAliases"]?.array ?? [] {
            let names = (alias["hostnames"]?.stringArray ?? []).joined(separator: "\t")
            lines.append("\(alias["ip"]?.string ?? "")\t\(names)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Resolver settings; `node` is the text of the node's resolv.conf.
    package struct Resolver: Hashable, Sendable {
        package var servers: [String] = []
        package var searches: [String] = []
        package var options: [String] = []

        /// Reads resolv.conf(5).
        package init(text: String) {
            for line in text.split(separator: "\n") {
                let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
                switch words.first {
                case "nameserver": servers += words.dropFirst().prefix(1)
                case "search", "domain": searches = Array(words.dropFirst())
                case "options": options += words.dropFirst()
                default: continue
                }
            }
        }

        init() {}
    }

    package func resolver(node: String) -> Resolver {
        let own = Resolver(text: node)
        var result: Resolver
        let policy = pod.spec["dnsPolicy"]?.string ?? "ClusterFirst"
        let usesCluster = policy == "ClusterFirstWithHostNet" || (policy == "ClusterFirst" && !pod.usesHostNetwork)
        if policy == "None" {
            result = Resolver()
        } else if usesCluster && !configuration.clusterDNS.isEmpty {
            result = Resolver()
            result.servers = configuration.clusterDNS
            let cluster = configuration.clusterDomain
            result.searches = ["\(pod.namespace).svc.\(cluster)", "svc.\(cluster)", cluster] + own.searches
            result.options = ["ndots:5"]
        } else {
            result = own
        }
        let config = pod.spec["dnsConfig"] ?? .null
        result.servers += (config["nameservers"]?.stringArray ?? []).filter { !result.servers.contains($0) }
        result.searches += (config["searches"]?.stringArray ?? []).filter { !result.searches.contains($0) }
        for option in config["options"]?.array ?? [] {
            guard let name = option["name"]?.string else { continue }
            result.options.removeAll { $0 == name || $0.hasPrefix(name + ":") }
            result.options.append(option["value"]?.string.map { "\(name):\($0)" } ?? name)
        }
        return result
    }
}
