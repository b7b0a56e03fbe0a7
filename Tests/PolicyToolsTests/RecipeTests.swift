import CommandLineUI
import Foundation
import Testing

@testable import PolicyTools

/// The recipes of the guide do what they say, by the compiled maps and by the evaluator; none is without expectations.
@Suite struct RecipeTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Examples/policies").path()

    static let recipes = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasSuffix(".yaml") && !$0.hasSuffix(".test.yaml") && $0 != "workloads.yaml" }
        .map { String($0.dropLast(".yaml".count)) }.sorted()

    @Test func thereAreRecipes() { #expect(Self.recipes.count >= 5) }

    @Test(arguments: recipes)
    func everyExpectationHolds(recipe: String) throws {
        var world = PolicyWorld()
        for document in try ManifestFiles.read([Self.folder + "/workloads.yaml", Self.folder + "/\(recipe).yaml"]) {
            world.add(document.body, source: document.source)
        }
        #expect(world.unreadable.isEmpty)
        let expectations = try ManifestFiles.read([Self.folder + "/\(recipe).test.yaml"]).flatMap {
            try PolicyExpectation.read($0.body)
        }
        let faults = try PolicyTestRunTests.faults(world, expectations)
        #expect(faults.flatMap(\.self).isEmpty)
        #expect(faults.count >= 5)
    }
}
