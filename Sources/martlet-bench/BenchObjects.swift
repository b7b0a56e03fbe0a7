import APIClient
import JSONText
import Synchronization

/// Objects of namespace `bench` where no other is named. What is made through one of these, and not deleted through it,
/// is remembered.
struct BenchObjects: Sendable {
    let client: HTTPSClient
    private let made: MadeObjects

    init(client: HTTPSClient) {
        self.client = client
        made = MadeObjects()
    }

    private init(client: HTTPSClient, made: MadeObjects) {
        self.client = client
        self.made = made
    }

    /// The same by another connection.
    func by(_ client: HTTPSClient) -> BenchObjects { BenchObjects(client: client, made: made) }

    func namespace(_ name: String) async throws {
        do {
            _ = try await client.create(
                ObjectReference(.namespaces, name: name), subresource: "",
                ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]])
        } catch  where error.code == 409 {
            // Another part made it.
        }
        // Without its ServiceAccount no Pod is admitted.
        let account = ObjectReference(.serviceAccounts, namespace: name, name: "default")
        let deadline = ContinuousClock.now + .seconds(10)
        while (try? await client.get(account, subresource: "")) == nil, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func create(_ resource: APIResource, _ name: String, namespace: String = "bench", _ body: JSONValue) async throws {
        let object = ObjectReference(resource, namespace: namespace, name: name)
        made.note(object)
        _ = try await client.create(object, subresource: "", body)
    }

    func patch(
        _ resource: APIResource, _ name: String, namespace: String = "bench", subresource: String = "",
        _ body: JSONValue
    ) async throws {
        _ = try await client.patch(
            ObjectReference(resource, namespace: namespace, name: name), subresource: subresource, type: .merge,
            fieldManager: "bench", force: false, body)
    }

    func delete(
        _ resource: APIResource, _ name: String, namespace: String = "bench", options: JSONValue? = nil
    ) async throws {
        try await delete(ObjectReference(resource, namespace: namespace, name: name), options: options)
    }

    /// Deletes what may not be there.
    func remove(_ resource: APIResource, _ name: String) async throws {
        try await remove(ObjectReference(resource, namespace: "bench", name: name))
    }

    /// Deletes what was made and is left, the last first; says so where it cannot.
    func removeMade() async {
        let left = made.all
        do {
            try await each(left.count) { try await remove(left[left.count - 1 - $0]) }
        } catch {
            Shell.say("\(made.all.count) objects of the part are left: \(error)")
        }
    }

    private func delete(_ object: ObjectReference, options: JSONValue? = nil) async throws(APIError) {
        _ = try await client.delete(object, options: options)
        made.forget(object)
    }

    private func remove(_ object: ObjectReference) async throws {
        do {
            try await delete(object)
        } catch  where error.code == 404 {
            made.forget(object)
        }
    }

    /// Calls `body` for each of `0..<count`, by sixteen at a time.
    func each(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<16 {
                group.addTask {
                    for index in stride(from: worker, to: count, by: 16) { try await body(index) }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// Objects in the order in which they were made.
private final class MadeObjects: Sendable {
    private let state = Mutex((next: 0, objects: [ObjectReference: Int]()))

    func note(_ object: ObjectReference) {
        state.withLock {
            $0.objects[object] = $0.next
            $0.next += 1
        }
    }

    func forget(_ object: ObjectReference) { state.withLock { $0.objects[object] = nil } }

    var all: [ObjectReference] { state.withLock { $0.objects.sorted { $0.value < $1.value }.map(\.key) } }
}
