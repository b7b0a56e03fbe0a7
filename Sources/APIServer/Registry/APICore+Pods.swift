import APIMachinery
import JSONText
import Store

/// What pods have beside themselves: binding, eviction, log, exec.
extension APICore {
    func bind(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try WriteOptions(context.request, kind: "CreateOptions")
        let (body, warnings) = try actionBody(context.request, .binding, options.fieldValidation)
        try requirePath(body, context, .binding)
        try await change(context, isDryRun: options.isDryRun) { pod throws(APIStatus) in
            try PodBinding.bound(pod, body, now: clock.now)
        }
        return try done(context, warnings)
    }

    /// `POST bindings`: the body names the pod.
    func bindNamed(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        guard let pods = registry.resource(group: "", version: "v1", plural: "pods") else { throw .noSuchPath }
        var info = context.info
        info.name = try actionBody(context.request, .binding, .ignore).object.name
        return try await bind(
            RequestContext(
                request: context.request, info: info, user: context.user, kind: pods,
                negotiation: context.negotiation))
    }

    private func done(_ context: RequestContext, _ warnings: [String]) throws(APIStatus) -> APIResponse {
        var response = try encode(APIStatus.success(code: 201), context.negotiation, status: 201)
        response.addWarnings(warnings)
        return response
    }

    /// Changes a stored object outside of the ways that clients have; again where another writer came between.
    func change(
        _ context: RequestContext, isDryRun: Bool, _ change: (JSONValue) throws(APIStatus) -> JSONValue
    ) async throws(APIStatus) {
        let name = context.info.name
        for _ in 0..<Limits.conflictRetries {
            guard let present = cache.get(context.storage, context.key(name)) else { throw context.notFound(name) }
            let new = try change(present.tree())
            if isDryRun { return try await settle(present.revision) }
            let form = StoredForm(new)
            do {
                _ = try await cache.commit([
                    .put(
                        key: "\(context.storage)/\(present.key)", value: form.bytes, stampAt: form.stampAt,
                        expected: .revision(present.revision))
                ])
                return
            } catch {
                guard error.code == .conflict else { throw Self.status(error) }
            }
        }
        throw context.lostRace(name)
    }

    func evict(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let validation = try WriteOptions(context.request, kind: "CreateOptions").fieldValidation
        let (body, warnings) = try actionBody(context.request, .eviction, validation)
        try requirePath(body, context, .eviction)
        _ = try await delete(
            context.info.name, context, try DeleteOptions(context.request, body: body["deleteOptions"]))
        return try done(context, warnings)
    }

    // MARK: Streams

    func log(_ context: RequestContext) throws(APIStatus) -> APIResponse {
        let request = context.request
        var log = PodLogRequest(namespace: context.info.namespace, pod: context.info.name, container: "")
        try readLogOptions(request, into: &log)
        let pod = try storedPod(context)
        log.container = try container(pod, request.parameter("container") ?? "")
        // A pod that no node runs yet has written nothing.
        if (pod[path: "spec", "nodeName"]?.string ?? "").isEmpty { return APIResponse(status: 204, text: "") }
        let streams = try requireStreams()
        return APIResponse(
            status: 200, headers: [("content-type", "text/plain")],
            body: .producer { [log] write in try await streams.logs(log, write: write) })
    }

    private func readLogOptions(_ request: APIRequest, into log: inout PodLogRequest) throws(APIStatus) {
        var errors: [FieldError] = []
        func number(_ name: String, atLeast least: Int64) throws(APIStatus) -> Int64? {
            guard let text = request.parameter(name), !text.isEmpty else { return nil }
            guard let value = Int64(text) else {
                throw .badRequest("invalid value \"\(text)\" of the query parameter \(name): want an integer")
            }
            if value < least {
                errors.append(
                    .invalid(FieldPath(name), .integer(value), "must be greater than or equal to \(least)"))
            }
            return value
        }
        log.follow = request.flag("follow")
        log.previous = request.flag("previous")
        log.timestamps = request.flag("timestamps")
        log.tailLines = try number("tailLines", atLeast: 0)
        log.limitBytes = try number("limitBytes", atLeast: 1)
        log.sinceSeconds = try number("sinceSeconds", atLeast: 1)
        log.sinceTime = request.parameter("sinceTime")
        if let text = log.sinceTime, Timestamp(text) == nil {
            throw .badRequest("invalid value \"\(text)\" of the query parameter sinceTime: want a time of RFC 3339")
        }
        if log.sinceTime != nil, log.sinceSeconds != nil {
            errors.append(.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
        }
        if !errors.isEmpty { throw .invalid(group: "", kind: "PodLogOptions", name: log.pod, errors) }
    }

    func exec(_ context: RequestContext) throws(APIStatus) -> APIResponse {
        let pod = try boundPod(context)
        let request = context.request
        let phase = pod[path: "status", "phase"]?.string ?? ""
        if phase == "Succeeded" || phase == "Failed" {
            throw .badRequest("cannot exec into a container in a completed pod; current phase is \(phase)")
        }
        let command = request.parameters("command")
        if command.isEmpty { throw .badRequest("you must specify at least one command for the container") }
        let name = try container(pod, request.parameter("container") ?? "")
        guard request.header("upgrade")?.lowercased() == "websocket" else {
            throw .badRequest("Upgrade request required: exec speaks the WebSocket channel protocol")
        }
        let offered = request.headers.filter { $0.name == "sec-websocket-protocol" }
            .flatMap { $0.value.split(separator: ",").map(\.trimmingSpaces) }
        guard let agreed = ExecUpgrade.protocols.first(where: offered.contains) else {
            throw .badRequest(
                "unable to upgrade: none of the subprotocols \(offered) is served; want \(ExecUpgrade.protocols)")
        }
        let tty = request.flag("tty")
        let exec = PodExecRequest(
            namespace: context.info.namespace, pod: context.info.name, container: name, command: command,
            stdin: request.flag("stdin"), stdout: request.flag("stdout"), stderr: request.flag("stderr") && !tty,
            tty: tty)
        let upgrade = ExecUpgrade(subprotocol: agreed, request: exec, streams: try requireStreams())
        return APIResponse(status: 101, body: .upgrade(upgrade))
    }

    private func requireStreams() throws(APIStatus) -> any NodeStreams {
        guard let streams = nodeStreams else { throw .unavailable("no node agent runs beside this API server") }
        return streams
    }

    private func storedPod(_ context: RequestContext) throws(APIStatus) -> JSONValue {
        let (name, viewer) = (context.info.name, context.request.viewer)
        guard let pod = cache.get(context.storage, context.key(name), for: viewer)?.tree() else {
            throw context.notFound(name)
        }
        return pod
    }

    private func boundPod(_ context: RequestContext) throws(APIStatus) -> JSONValue {
        let pod = try storedPod(context)
        if (pod[path: "spec", "nodeName"]?.string ?? "").isEmpty {
            throw .badRequest("pod \(context.info.name) does not have a host assigned")
        }
        return pod
    }

    /// The container that is meant: the named one, or the only one.
    private func container(_ pod: JSONValue, _ name: String) throws(APIStatus) -> String {
        func names(_ group: String) -> [String] {
            (pod[path: "spec", group]?.array ?? []).compactMap { $0["name"]?.string }
        }
        let ordinary = names("containers")
        if name.isEmpty {
            if ordinary.count == 1 { return ordinary[0] }
            throw .badRequest(
                "a container name must be specified for pod \(pod.name), choose one of: "
                    + "[\(ordinary.joined(separator: " "))]")
        }
        guard (ordinary + names("initContainers") + names("ephemeralContainers")).contains(name) else {
            throw .badRequest("container \(name) is not valid for pod \(pod.name)")
        }
        return name
    }
}
