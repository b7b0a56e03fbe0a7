import CommandLineUI
import Glibc
import KubeObjects
import PolicyKernel
import Testing

@testable import PolicyTools

@Suite struct PolicyTestRunTests {
    static func expectations(_ yaml: String) throws -> [PolicyExpectation] {
        try ManifestFiles.parse(yaml, file: "t").flatMap { try PolicyExpectation.read($0.body) }
    }

    static func faults(_ world: PolicyWorld, _ expectations: [PolicyExpectation]) throws -> [[String]] {
        let places = PodPlaces(world)
        let run = PolicyTestRun(world, places: places)
        let maps = MapsEngine(world, places: places)
        let byMaps = expectations.map { run.check($0, maps).faults }
        let byEvaluator = expectations.map { run.check($0, EvaluatorEngine(world, places: places)).faults }
        #expect(maps.problems.isEmpty)
        #expect(byMaps == byEvaluator)
        if geteuid() == 0 || getenv("CI") != nil {
            let kernel = try KernelVerdictEngine(world, places: places)
            defer { kernel.close() }
            #expect(expectations.map { run.check($0, kernel).faults } == byMaps)
        }
        return byMaps
    }

    static let head = "apiVersion: martlet.io/v1alpha1\nkind: PolicyTest\nmetadata: {name: t}\nexpect:\n"
    static let policy = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: only-api, namespace: prod}
        spec:
          podSelector: {matchLabels: {app: db}}
          ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: sql}]}]

        """

    @Test func whatIsNoPolicyTestIsToldWhereItBelongs() throws {
        let good = Self.head + "  - {from: a/b, to: a/c, port: 80, allow: true}\n"
        #expect(try Self.expectations(good).count == 1)
        for (old, new) in [("PolicyTest", "NetworkPolicy"), ("martlet.io/v1alpha1", "martlet.io/v1")] {
            let error = #expect(throws: ObjectError.self) {
                try Self.expectations(good.replacing(old, with: new))
            }
            #expect(error?.field == "kind" && error?.message.contains("named by -f") == true)
        }
        let typo = #expect(throws: ObjectError.self) {
            try Self.expectations(good.replacing("allow:", with: "alow:"))
        }
        #expect(typo?.field == "expect[0].alow" && typo?.message.contains("there are allow, from, policy") == true)
        let stranger = #expect(throws: ObjectError.self) { try Self.expectations(good + "spec: {}\n") }
        #expect(stranger?.field == "spec")
    }

    @Test func aPodThatIsNotThereIsToldWithThoseThatAre() throws {
        let world = try PolicyLintTests.world(PolicyLintTests.pods)
        let statements = try Self.expectations(
            Self.head + """
                  - {from: prod/nope, to: prod/db, port: 1, allow: true}
                  - {from: void/nope, to: prod/db, port: 1, allow: true}

                """)
        let faults = try Self.faults(world, statements).flatMap(\.self)
        #expect(faults[0].hasPrefix("there is no pod prod/nope: namespace prod has ") && faults[0].contains("db"))
        #expect(faults[1] == "there is no pod void/nope: namespace void has none")
    }

    @Test func allEnginesSayTheSameOfWhatHoldsAndWhatDoesNot() throws {
        let world = try PolicyLintTests.world(PolicyLintTests.pods + Self.policy)
        let faults = try Self.faults(
            world,
            try Self.expectations(
                Self.head + """
                      - {from: prod/api, to: prod/app=db, port: sql, allow: true, policy: prod/only-api}
                      - {from: 192.0.2.1, to: prod/db, port: 5432, allow: false, policy: prod/only-api}
                      - {from: prod/db, to: prod/db, port: 1, allow: true}
                      - {from: prod/api, to: prod/db, port: 22, allow: true}
                      - {from: prod/api, to: prod/db, port: 5432, allow: true, policy: prod/other}
                      - {from: prod/app=none, to: prod/db, port: 5432, allow: true}

                    """))
        #expect(faults.map(\.isEmpty) == [true, true, true, false, false, false])
        #expect(
            faults[3] == [
                "prod/api to prod/db:22: is denied: egress open (no policy selects it), "
                    + "ingress denied (isolated by prod/only-api)"
            ])
        #expect(faults[5] == ["no pod in namespace prod has app=none"])
    }

    @Test func misspelledFieldIsRefusedByItsPath() {
        #expect(throws: (any Error).self) {
            try Self.expectations(Self.head + "  - {from: a/b, to: a/c, port: 1, allows: true}\n")
        }
    }

    @Test func failureIsWrittenAsXML() {
        let results = [PolicyTestRun.Result(name: "a<b", pairs: 1, faults: ["x & y"])]
        #expect(
            JUnitText.print(results, suite: "s").contains(
                "name=\"a&lt;b\">\n    <failure message=\"x &amp; y\">x &amp; y</failure>"))
    }
}
