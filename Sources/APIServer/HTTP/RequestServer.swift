import APIMachinery
import JSONText

/// Takes requests off the wire and answers them, each in a child task.
struct RequestServer: Sendable {
    let core: APICore
    let intake: RequestIntake

    /// Until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await incoming in intake.requests {
                group.addTask { await serve(incoming) }
            }
            group.cancelAll()
        }
    }

    private func serve(_ incoming: IncomingRequest) async {
        if let refusal = incoming.refusal {
            let response = APIResponse(
                status: refusal.code, contentType: "application/json", refusal.json.compactBytes)
            await incoming.responder.send(response)
            return intake.ended(wasStream: false)
        }
        let response = await core.respond(incoming.request)
        switch response.body {
        case .bytes:
            await incoming.responder.send(response)
            intake.ended(wasStream: false)
        case .stream, .producer:
            intake.becameStream()
            await incoming.responder.send(response)
            intake.ended(wasStream: true)
        case .upgrade(let upgrade):
            intake.becameStream()
            await self.upgrade(upgrade, incoming)
            intake.ended(wasStream: true)
        }
    }

    private func upgrade(_ upgrade: any Upgrade, _ incoming: IncomingRequest) async {
        guard incoming.responder.isHTTP1, let key = incoming.request.header("sec-websocket-key") else {
            let refusal = APIStatus.badRequest("the connection cannot be upgraded: want HTTP/1.1 and Sec-WebSocket-Key")
            await incoming.responder.send(
                APIResponse(status: refusal.code, contentType: "application/json", refusal.json.compactBytes))
            return
        }
        await WebSocketUpgrade.run(upgrade, key: key, responder: incoming.responder)
    }
}
