import CommandLineUI
import Glibc
import JSONText
import KubeObjects
import NetTypes
import PolicyKernel
import Testing

@testable import PolicyTools

@Suite struct PolicyTestRunTests {
    static func expectations(_ yaml: String) throws -> [PolicyExpectation] {
        try ManifestFiles.parse(yaml, file: "t").flatMap { try PolicyExpectation.read($0.body) }
    }

    static func faults(_ world: PolicyWorld, _ expectations: [PolicyExpectation]) throws -> [[String]] {
        let places = PodPlaces(world)
        let blocks = ["10.96.0.0/16"].compactMap { CIDR($0) }
        let run = PolicyTestRun(world, places: places, services: blocks)
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
                "prod/api to prod/db:22: is denied: egress open (no policy decides), "
                    + "ingress denied (isolated by prod/only-api)"
            ])
        #expect(faults[5] == ["no pod in namespace prod has app=none"])
    }

    private static let service = """
        apiVersion: v1
        kind: Service
        metadata: {name: db, namespace: prod}
        spec: {clusterIP: 10.97.0.19, clusterIPs: [10.97.0.19], ports: [{port: 80}]}
        ---

        """

    @Test func aServiceAddressIsRefusedByItsServiceOrItsRange() throws {
        let open = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: sv, namespace: prod}
            spec: {policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.0/15}}]}], podSelector: {}}

            """
        let faults = try Self.faults(
            try PolicyLintTests.world(PolicyLintTests.pods + Self.service + open),
            try Self.expectations(
                Self.head + """
                      - {from: prod/api, to: 10.97.0.19, port: 80, allow: true}
                      - {from: prod/api, to: 10.96.0.199, port: 80, allow: true}
                      - {from: prod/api, to: 10.97.0.20, port: 80, allow: true}

                    """))
        let why = "policy is asked after translation; name the pod"
        #expect(faults[0] == ["10.97.0.19 is a Service address of prod/db: \(why)"])
        #expect(faults[1] == ["10.96.0.199 is in the range of Services 10.96.0.0/16 (--service-cidr): \(why)"])
        #expect(faults[2] == [])
    }

    private static func node(_ name: String, _ address: String) -> String {
        """
        apiVersion: v1
        kind: Node
        metadata: {name: \(name)}
        status: {addresses: [{type: InternalIP, address: \(address)}]}
        ---

        """
    }

    @Test func aPodAndItsOwnNodeAlwaysReachEachOther() throws {
        let placed = PolicyLintTests.pods.replacing("spec: {", with: "spec: {nodeName: one, ")
        let world = try PolicyLintTests.world(
            placed + Self.node("one", "10.98.0.1") + Self.node("two", "10.98.0.2") + Self.policy)
        let expectations = try Self.expectations(
            Self.head + """
                  - {from: 10.98.0.1, to: prod/db, port: 5432, allow: true}
                  - {from: prod/db, to: 10.98.0.1, port: 22, allow: true}
                  - {from: 10.98.0.2, to: prod/db, port: 5432, allow: false, policy: prod/only-api}

                """)
        #expect(try Self.faults(world, expectations) == [[], [], []])
        let unplaced = try PolicyLintTests.world(
            PolicyLintTests.pods + Self.node("one", "10.98.0.1") + Self.node("two", "10.98.0.2") + Self.policy)
        #expect(
            try Self.faults(unplaced, expectations).first == [
                "10.98.0.1 to prod/db:5432: 10.98.0.1 is of node one, which its own pods always reach; on which node "
                    + "prod/db is, is not known"
            ])
    }

    @Test func whatCannotBeReadInTheClusterHasItsStandIn() throws {
        let broken: JSONValue = [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["namespace": "prod", "name": "hand"],
            "spec": ["podSelector": ["matchLabels": ["app": "db"]], "ingress": [["from": 3]]],
        ]
        var cluster = try PolicyLintTests.world(PolicyLintTests.pods)
        cluster.add(broken)
        let (world, notes) = cluster.withStandIns()
        #expect(notes.count == 1)
        #expect(notes.first?.hasPrefix("NetworkPolicy prod/hand: spec.ingress[0].from: ") == true)
        #expect(notes.first?.hasSuffix(": its stand-in is judged") == true)
        #expect(world.unreadable.isEmpty)
        let expectation = "  - {from: prod/api, to: prod/db, port: 5432, allow: false, policy: prod/hand}\n"
        #expect(try Self.faults(world, try Self.expectations(Self.head + expectation)) == [[]])
        // A file is its author's to correct, and one of the same name takes the place of the cluster's.
        var files = cluster
        files.add(broken, source: "a.yaml")
        #expect(files.withStandIns().world.unreadable.map(\.source) == ["a.yaml"])
        var mended = broken
        mended["spec"]?["ingress"] = []
        cluster.add(mended, source: "a.yaml")
        #expect(cluster.unreadable.isEmpty)
    }

    @Test(arguments: ["", "a.yaml"]) func aPolicyThatDoesNotFitIsTheClustersOrAFiles(source: String) throws {
        let ports = (1...1_025).map { JSONValue.object(["port": .integer($0)]) }
        var world = try PolicyLintTests.world(PolicyLintTests.pods)
        world.add(
            [
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": ["namespace": "prod", "name": "big"],
                "spec": ["podSelector": [:], "ingress": [["ports": .array(ports)]]],
            ], source: source)
        let problems = MapsEngine(world, places: PodPlaces(world)).problems
        #expect(problems.map(\.isOfCluster) == [source.isEmpty])
        #expect(problems.first?.text.hasPrefix("prod/big: spec.ingress makes 1025 rules") == true)
    }

    @Test func podsOfBothFamiliesAreJudgedOverBoth() throws {
        var world = PolicyWorld()
        for (name, host) in [("x", 1), ("y", 2)] {
            world.add([
                "apiVersion": "v1", "kind": "Pod",
                "metadata": ["namespace": "a", "name": .string(name), "labels": ["app": .string(name)]],
                "spec": ["containers": []],
                "status": ["podIPs": [["ip": .string("10.1.0.\(host)")], ["ip": .string("fd00:1::\(host)")]]],
            ])
        }
        world.add([
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["namespace": "a", "name": "six"],
            "spec": [
                "podSelector": ["matchLabels": ["app": "x"]], "policyTypes": ["Egress"],
                "egress": [["to": [["ipBlock": ["cidr": "::/0"]]]]],
            ],
        ])
        let expectations = try Self.expectations(
            Self.head + """
                  - {from: a/x, to: a/y, port: 80, allow: false}
                  - {from: a/x, to: a/y, port: 80, allow: true}
                  - {from: a/x, to: "fd00:1::2", port: 80, allow: true}
                  - {from: a/x, to: 10.1.0.2, port: 80, allow: false}

                """)
        #expect(
            try Self.faults(world, expectations) == [
                [
                    "a/x to a/y:80 over IPv6: is allowed: egress allowed by rule 0 of a/six, ingress open (no policy "
                        + "decides)"
                ],
                [
                    "a/x to a/y:80 over IPv4: is denied: egress denied (isolated by a/six), ingress open (no policy "
                        + "decides)"
                ], [], [],
            ])
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
