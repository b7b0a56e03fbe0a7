// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is compiled with these settings: warnings are errors, imports are explicit.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // One configuration serves product and tests: release, in which tests may look inside a target.
    .unsafeFlags(["-enable-testing"], .when(configuration: .release)),
]

/// For a module whose generic types other modules use where it counts: they are compiled there for what they hold.
let specialized: [SwiftSetting] = [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]

/// Nobody links against our executables, so that no names of theirs are exported, and relocations are packed (glibc
/// 2.36): eight MiB of martletd that each start would read and no more.
let smallStart = [
    "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs",
]

/// Executables carry Swift's runtime, so that one file is all a node needs.
let staticRuntime: [LinkerSetting] = [.unsafeFlags(["-static-stdlib"] + smallStart)]
let staticFoundation: [LinkerSetting] = [
    .unsafeFlags(
        smallStart + [
            "-static-stdlib", "-lCoreFoundation", "-l_FoundationCShims", "-l_FoundationCollections", "-l_FoundationICU",
            "-lswiftSynchronization", "-lstdc++",
        ])
]

/// A library target of ours; `ours` are targets of this package, `from` are products of others.
func library(
    _ name: String, _ ours: [String] = [], from: [Target.Dependency] = [], exclude: [String] = [],
    plugins: [Target.PluginUsage] = [], settings: [SwiftSetting] = []
) -> Target {
    .target(
        name: name, dependencies: ours.map { .target(name: $0) } + from, exclude: exclude,
        swiftSettings: strict + settings, plugins: plugins)
}

func tests(_ name: String, _ ours: [String], from: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: ours.map { .target(name: $0) } + from, exclude: exclude, swiftSettings: strict)
}

func cTarget(_ name: String, links: [String] = []) -> Target {
    .target(name: name, path: "Sources-C/\(name)", linkerSettings: links.map { .linkedLibrary($0) })
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioCompression = Target.Dependency.product(name: "NIOHTTPCompression", package: "swift-nio-extras")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grpc = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport = Target.Dependency.product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "martlet",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.0"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.0"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C: the layout both sides share, and thin shims over system libraries.
        cTarget("CMartletABI"),
        cTarget("CLibbpf", links: ["bpf", "elf", "z"]),
        cTarget("CMnl", links: ["mnl"]),
        cTarget("CLinux"),
        cTarget("CPacking", links: ["z"]),
        .plugin(name: "BPFCompile", capability: .buildTool()),

        // Pure targets.
        library("NetTypes"),
        library("JSONText"),
        library("MapLayout", ["CMartletABI", "NetTypes"]),
        library("KubeObjects", ["NetTypes", "JSONText"]),
        library("PolicyCompiler", ["KubeObjects", "MapLayout", "CMartletABI", "NetTypes"]),
        library("PolicyTools", ["PolicyCompiler", "APIMachinery", "KubeObjects", "NetTypes", "JSONText"]),
        library("ServiceCompiler", ["KubeObjects", "MapLayout", "CMartletABI", "NetTypes", "JSONText"]),
        library("RouteCompiler", ["KubeObjects", "MapLayout", "NetTypes"]),
        library("Reconcile", settings: specialized),
        library("APIMachinery", ["KubeObjects", "JSONText", "NetTypes"]),
        library("DaemonAPI", ["NetTypes", "JSONText"]),
        library(
            "PolicyAdmission",
            ["PolicyCompiler", "ServiceCompiler", "KubeObjects", "MapLayout", "NetTypes", "JSONText"]),
        library("BenchReport", ["JSONText"]),

        // Shells.
        library("YAMLText", ["JSONText"], from: [yams]),
        library("Store", ["CPacking"], from: [grdb, sqlite, logging, lifecycle]),
        library(
            "APIClient", ["KubeObjects", "JSONText"], from: [httpClient, nioCore, nioHTTP1, nioSSL, yams, logging]),
        library(
            "APIServer",
            ["Store", "APIMachinery", "APIClient", "KubeObjects", "JSONText", "NetTypes", "YAMLText", "CLinux"],
            from: [
                nioCore, nioPosix, nioHTTP1, nioWebSocket, nioHTTP2, nioSSL, nioCompression, x509, crypto, asn1,
                logging, lifecycle,
            ]),
        library("Informers", ["APIClient", "KubeObjects", "JSONText"], from: [logging, lifecycle]),
        library(
            "Controllers", ["Informers", "APIClient", "APIMachinery", "KubeObjects", "JSONText", "NetTypes"],
            from: [logging, lifecycle]),
        library("Netlink", ["CMnl", "CLinux", "NetTypes"]),
        library("BPFObjects", plugins: [.plugin(name: "BPFCompile")]),
        library("BPFRuntime", ["CLibbpf", "CLinux", "MapLayout", "BPFObjects", "NetTypes"], from: [logging]),
        library(
            "PolicyKernel",
            [
                "BPFRuntime", "PolicyTools", "PolicyCompiler", "Reconcile", "KubeObjects", "MapLayout", "CMartletABI",
                "NetTypes",
            ]),
        library(
            "PodNetwork", ["Netlink", "BPFRuntime", "MapLayout", "DaemonAPI", "JSONText", "NetTypes"], from: [logging]),
        library("Flows", ["MapLayout", "KubeObjects", "JSONText", "NetTypes"]),
        library(
            "NodeAgent", ["Informers", "APIClient", "KubeObjects", "JSONText", "NetTypes", "YAMLText", "CLinux"],
            from: [
                grpc, grpcTransport, grpcProtobuf, protobuf, nioCore, nioPosix, nioHTTP1, nioSSL, crypto, httpClient,
                logging, lifecycle,
            ], exclude: ["Protos"]),
        library(
            "Agent",
            [
                "Informers", "APIClient", "PolicyCompiler", "ServiceCompiler", "RouteCompiler", "Reconcile",
                "BPFRuntime", "PodNetwork", "Flows", "DaemonAPI", "KubeObjects", "MapLayout", "Netlink", "NetTypes",
                "JSONText", "CLinux",
            ], from: [logging, lifecycle, nioCore, nioPosix]),
        library(
            "CommandLineUI", ["DaemonAPI", "APIClient", "KubeObjects", "JSONText", "NetTypes", "YAMLText", "CLinux"]),

        // Binaries.
        .executableTarget(
            name: "martletd",
            dependencies: [
                "Agent", "APIServer", "APIMachinery", "APIClient", "Store", "Controllers", "NodeAgent", "Informers",
                "DaemonAPI", "BPFRuntime", "PodNetwork", "Netlink", "KubeObjects", "ServiceCompiler", "PolicyAdmission",
                "MapLayout", "CMartletABI", "JSONText", "NetTypes", "CLinux", arguments, logging, lifecycle,
            ], swiftSettings: strict, linkerSettings: staticFoundation),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "CommandLineUI", "PolicyKernel", "PolicyTools", "DaemonAPI", "APIClient", "JSONText", "NetTypes",
                "CLinux",
                arguments, logging,
            ],
            swiftSettings: strict, linkerSettings: staticFoundation),
        .executableTarget(
            name: "martlet-cni", dependencies: ["DaemonAPI", "JSONText", "NetTypes", "CLinux"], path: "cni",
            swiftSettings: strict, linkerSettings: staticRuntime),

        .executableTarget(
            name: "martlet-conformance",
            dependencies: [
                "PolicyKernel", "PolicyCompiler", "BPFRuntime", "Controllers", "KubeObjects", "MapLayout",
                "CMartletABI",
                "JSONText", "NetTypes", "APIServer", "APIMachinery", "APIClient", "Store", "CommandLineUI", "DaemonAPI",
                "Netlink", "CLinux", "TestKit", logging, httpClient, nioCore, nioHTTP1, nioSSL,
            ], swiftSettings: strict, linkerSettings: staticFoundation),

        .executableTarget(
            name: "martlet-bench",
            dependencies: [
                "BenchReport", "APIClient", "CommandLineUI", "DaemonAPI", "KubeObjects", "PolicyAdmission", "JSONText",
                "NetTypes", "CLibbpf", "CMartletABI", arguments, logging,
            ], swiftSettings: strict, linkerSettings: staticFoundation),

        // Tests mirror Sources.
        .target(
            name: "TestKit",
            dependencies: [
                "APIClient", "PolicyCompiler", "BPFRuntime", "MapLayout", "CMartletABI", "KubeObjects", "NetTypes",
                "JSONText", "CLinux",
            ], path: "Tests/TestKit", swiftSettings: strict),
        tests("NetTypesTests", ["NetTypes"]),
        tests("JSONTextTests", ["JSONText", "TestKit"]),
        tests("YAMLTextTests", ["YAMLText", "JSONText"]),
        tests("MapLayoutTests", ["MapLayout", "CMartletABI", "NetTypes"]),
        tests("KubeObjectsTests", ["KubeObjects", "NetTypes", "JSONText", "TestKit"]),
        tests(
            "PolicyCompilerTests",
            [
                "PolicyCompiler", "KubeObjects", "MapLayout", "CMartletABI", "Reconcile", "NetTypes", "JSONText",
                "TestKit",
            ]),
        tests(
            "ServiceCompilerTests",
            ["ServiceCompiler", "KubeObjects", "MapLayout", "CMartletABI", "NetTypes", "JSONText", "TestKit"]),
        tests("RouteCompilerTests", ["RouteCompiler", "KubeObjects", "MapLayout", "JSONText", "TestKit"]),
        tests("PolicyAdmissionTests", ["PolicyAdmission", "PolicyCompiler", "KubeObjects", "JSONText", "NetTypes"]),
        tests("ReconcileTests", ["Reconcile", "TestKit"]),
        tests("APIMachineryTests", ["APIMachinery", "KubeObjects", "JSONText", "NetTypes", "TestKit"]),
        tests("DaemonAPITests", ["DaemonAPI", "JSONText", "NetTypes"]),
        tests("StoreTests", ["Store", "TestKit"], from: [logging, grdb]),
        tests("APIClientTests", ["APIClient", "JSONText"], from: [nioCore, nioPosix, nioHTTP1, logging]),
        tests(
            "APIServerTests", ["APIServer", "APIMachinery", "APIClient", "Store", "JSONText", "NetTypes", "TestKit"],
            from: [httpClient, nioCore, nioPosix, nioHTTP1, nioSSL, logging, lifecycle]),
        tests("InformersTests", ["Informers", "APIClient", "KubeObjects", "JSONText", "TestKit"], from: [logging]),
        tests(
            "ControllersTests",
            [
                "Controllers", "Informers", "APIServer", "APIMachinery", "Store", "APIClient", "KubeObjects",
                "JSONText",
                "NetTypes", "TestKit",
            ], from: [logging, lifecycle]),
        tests("NetlinkTests", ["Netlink", "NetTypes", "TestKit"]),
        tests(
            "BPFRuntimeTests",
            ["BPFRuntime", "MapLayout", "BPFObjects", "CMartletABI", "CLibbpf", "NetTypes", "TestKit"]),
        tests(
            "PacketTests",
            [
                "Agent", "APIClient", "Informers", "KubeObjects", "RouteCompiler", "Netlink", "BPFRuntime", "MapLayout",
                "BPFObjects", "CMartletABI", "NetTypes", "PolicyCompiler", "Reconcile", "TestKit", "CLinux",
            ], from: [logging], exclude: ["instructions.txt"]),
        tests(
            "PodNetworkTests",
            [
                "PodNetwork", "Agent", "BPFRuntime", "Netlink", "DaemonAPI", "NetTypes", "JSONText",
                "CLinux", "TestKit",
            ], from: [logging]),
        tests("FlowsTests", ["Flows", "MapLayout", "KubeObjects", "JSONText", "NetTypes", "CMartletABI", "TestKit"]),
        tests(
            "martletdTests",
            [
                "APIClient", "APIServer", "Store", "Netlink", "NetTypes", "JSONText", "CLibbpf", "CMartletABI",
                "TestKit", "CLinux",
            ],
            from: [logging]),
        tests(
            "NodeAgentTests", ["NodeAgent", "APIMachinery", "APIClient", "KubeObjects", "JSONText", "TestKit"],
            from: [logging]),
        tests(
            "AgentTests",
            [
                "Agent", "APIClient", "Flows", "Informers", "PolicyCompiler", "Reconcile", "RouteCompiler",
                "BPFRuntime",
                "Netlink",
                "MapLayout", "KubeObjects", "NetTypes", "CMartletABI", "JSONText", "TestKit",
            ], from: [logging]),
        tests("CommandLineUITests", ["CommandLineUI", "APIClient", "JSONText"]),
        tests(
            "PolicyToolsTests",
            [
                "PolicyTools", "PolicyCompiler", "PolicyKernel", "CommandLineUI", "NetTypes", "JSONText", "KubeObjects",
                "TestKit",
            ]),
        tests("ConformanceTests", ["CLinux"]),
        tests("martletTests", ["JSONText", "TestKit"]),
        tests("BenchReportTests", ["BenchReport", "JSONText"]),
        tests("TidyTests", []),
    ],
    swiftLanguageModes: [.v6]
)
