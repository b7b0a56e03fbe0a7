import JSONText

/// Volumes and where they are mounted.
extension PodValidation {
    private static let downwardFields: Set<String> = [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
    ]
    private static let modeMax: Int64 = 0o777

    var volumes: [FieldError] {
        var errors: [FieldError] = []
        var names = Set<String>()
        for (index, volume) in (spec["volumes"]?.elements ?? []).enumerated() {
            let at = path["volumes"][index]
            let name = volume.text("name")
            if name.isEmpty {
                errors.append(.required(at["name"]))
            } else if let fault = Names.labelFault(name) {
                errors.append(.invalid(at["name"], .string(name), fault))
            } else if !names.insert(name).inserted {
                errors.append(.duplicate(at["name"], .string(name)))
            }
            errors += source(volume, at)
        }
        return errors
    }

    private func source(_ volume: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let kinds = volume.members.keys.filter { $0 != "name" }.sorted()
        if kinds.isEmpty { return [.required(at, "must specify a volume type")] }
        for (index, kind) in kinds.enumerated() {
            let place = at[kind]
            if index > 0 {
                errors.append(.forbidden(place, "may not specify more than 1 volume type"))
                continue
            }
            let content = volume[kind] ?? .object([:])
            switch kind {
            case "emptyDir":
                if let size = content["sizeLimit"]?.string, let quantity = Quantity(size), quantity.nano < 0 {
                    errors.append(
                        .forbidden(place["sizeLimit"], "SizeLimit field must be a valid resource quantity"))
                }
            case "hostPath": errors += hostPath(content, place)
            case "configMap":
                if content.text("name").isEmpty { errors.append(.required(place["name"])) }
                errors += mode(content["defaultMode"], place["defaultMode"]) + keys(content["items"], place["items"])
            case "secret":
                if content.text("secretName").isEmpty { errors.append(.required(place["secretName"])) }
                errors += mode(content["defaultMode"], place["defaultMode"]) + keys(content["items"], place["items"])
            case "downwardAPI":
                errors += mode(content["defaultMode"], place["defaultMode"])
                for item in content["items"]?.elements ?? [] { errors += downward(item, place) }
            case "projected": errors += projected(content, place)
            case "persistentVolumeClaim":
                if content.text("claimName").isEmpty { errors.append(.required(place["claimName"])) }
            case "nfs":
                for field in ["server", "path"] where content.text(field).isEmpty {
                    errors.append(.required(place[field]))
                }
            case "csi":
                if content.text("driver").isEmpty { errors.append(.required(place["driver"])) }
            default: break
            }
        }
        return errors
    }

    private func hostPath(_ content: JSONValue, _ at: FieldPath) -> [FieldError] {
        let types = [
            "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
        ]
        let text = content.text("path")
        if text.isEmpty { return [.required(at["path"])] }
        var errors = Self.noBackstep(text, at["path"])
        if !types.contains(content.text("type")) {
            errors.append(.notSupported(at["type"], content.text("type"), types))
        }
        return errors
    }

    private func mode(_ value: JSONValue?, _ at: FieldPath) -> [FieldError] {
        guard let mode = value?.integer, !(0...Self.modeMax).contains(mode) else { return [] }
        return [.invalid(at, .integer(mode), "must be a number between 0 and 0777 (octal), both inclusive")]
    }

    private func keys(_ items: JSONValue?, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        for (index, item) in (items?.elements ?? []).enumerated() {
            if item.text("key").isEmpty { errors.append(.required(at[index]["key"])) }
            if item.text("path").isEmpty {
                errors.append(.required(at[index]["path"]))
            } else {
                errors += Self.localPath(item.text("path"), at[index]["path"])
            }
            errors += mode(item["mode"], at[index]["mode"])
        }
        return errors
    }

    private func downward(_ item: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        if item.text("path").isEmpty {
            errors.append(.required(at["path"]))
        } else {
            errors += Self.localPath(item.text("path"), at["path"])
        }
        if let reference = item["fieldRef"] {
            errors += fieldReference(reference, Self.downwardFields, at["fieldRef"])
            if item["resourceFieldRef"] != nil {
                errors.append(
                    .invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
            }
        } else if let reference = item["resourceFieldRef"] {
            for field in ["containerName", "resource"] where reference.text(field).isEmpty {
                errors.append(.required(at["resourceFieldRef"][field]))
            }
        } else {
            errors.append(.required(at, "one of fieldRef and resourceFieldRef is required"))
        }
        return errors + mode(item["mode"], at["mode"])
    }

    private func projected(_ content: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors = mode(content["defaultMode"], at["defaultMode"])
        for (index, source) in (content["sources"]?.elements ?? []).enumerated() {
            let place = at["sources"][index]
            let kinds = source.members.keys.sorted()
            if kinds.isEmpty { errors.append(.required(place, "must specify a projection type")) }
            if kinds.count > 1 {
                errors.append(.forbidden(place, "may not specify more than 1 volume type per source"))
                continue
            }
            for field in ["secret", "configMap"] {
                guard let reference = source[field] else { continue }
                if reference.text("name").isEmpty { errors.append(.required(place[field]["name"])) }
                errors += keys(reference["items"], place[field]["items"])
            }
            for item in source["downwardAPI"]?["items"]?.elements ?? [] {
                errors += downward(item, place["downwardAPI"])
            }
            if let token = source["serviceAccountToken"] { errors += self.token(token, place["serviceAccountToken"]) }
        }
        return errors
    }

    private func token(_ token: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let seconds = token["expirationSeconds"]?.integer ?? 0
        if seconds < 600 {
            errors.append(
                .invalid(
                    at["expirationSeconds"], .integer(seconds), "may not specify a duration less than 10 minutes"))
        } else if seconds > 1 << 32 {
            errors.append(
                .invalid(
                    at["expirationSeconds"], .integer(seconds), "may not specify a duration larger than 2^32 seconds"))
        }
        if token.text("path").isEmpty {
            errors.append(.required(at["path"]))
        } else {
            errors += Self.localPath(token.text("path"), at["path"])
        }
        return errors
    }

    static func noBackstep(_ text: String, _ at: FieldPath) -> [FieldError] {
        guard text.split(separator: "/").contains("..") else { return [] }
        return [.invalid(at, .string(text), "must not contain '..'")]
    }

    /// Relative, and staying below where it starts.
    static func localPath(_ text: String, _ at: FieldPath) -> [FieldError] {
        if text.hasPrefix("/") { return [.invalid(at, .string(text), "must be a relative path")] }
        let errors = noBackstep(text, at)
        if errors.isEmpty, text.hasPrefix("..") {
            return [.invalid(at, .string(text), "must not start with '..'")]
        }
        return errors
    }

    // MARK: Mounts

    func mounts(_ container: JSONValue, _ at: FieldPath) -> [FieldError] {
        let names = Set((spec["volumes"]?.elements ?? []).map { $0.text("name") })
        var errors: [FieldError] = []
        var paths = Set<String>()
        let place = at["volumeMounts"]
        for (index, mount) in (container["volumeMounts"]?.elements ?? []).enumerated() {
            let name = mount.text("name")
            let path = mount.text("mountPath")
            if name.isEmpty {
                errors.append(.required(place[index]["name"]))
            } else if !names.contains(name) {
                errors.append(.notFound(place[index]["name"], name))
            }
            if path.isEmpty {
                errors.append(.required(place[index]["mountPath"]))
            } else if !paths.insert(path).inserted {
                errors.append(.invalid(place[index]["mountPath"], .string(path), "must be unique"))
            }
            for field in ["subPath", "subPathExpr"] where !mount.text(field).isEmpty {
                errors += Self.localPath(mount.text(field), place[field])
            }
            if !mount.text("subPath").isEmpty, !mount.text("subPathExpr").isEmpty {
                errors.append(
                    .invalid(
                        place[index]["subPathExpr"], .string(mount.text("subPathExpr")),
                        "subPathExpr and subPath are mutually exclusive"))
            }
            errors += propagation(mount, container, place["mountPropagation"])
        }
        return errors
    }

    private func propagation(_ mount: JSONValue, _ container: JSONValue, _ at: FieldPath) -> [FieldError] {
        guard let mode = mount["mountPropagation"]?.string else { return [] }
        let modes = ["Bidirectional", "HostToContainer", "None"]
        guard modes.contains(mode) else { return [.notSupported(at, mode, modes)] }
        let isPrivileged = container["securityContext"]?["privileged"] == true
        guard mode == "Bidirectional", !isPrivileged else { return [] }
        return [.forbidden(at, "Bidirectional mount propagation is available only to privileged containers")]
    }
}
