/// The images that a node without a registry needs, made of the machine's own static busybox.
package enum NodeImages {
    /// The name under which containerd 1.6 looks for the process that holds a pod's namespaces.
    package static let pauseReference = "registry.k8s.io/pause:3.6"
    /// The demo's image.
    package static let shopReference = "martlet.local/shop:1"
    /// Where Debian's busybox-static puts it.
    package static let busyboxPath = "/bin/busybox"

    /// Holds a pod's namespaces: sleeps, reaps, and ends at the first signal. `busybox` is the static program.
    package static func pause(busybox: [UInt8]) -> ImageArchive {
        let script = "#!/bin/sh\ntrap 'exit 0' TERM INT\nwhile :; do sleep 2147483647 & wait $!; done\n"
        return ImageArchive(
            reference: pauseReference, command: ["/pause"],
            entries: base(busybox, applets: ["sh", "sleep"]) + [.file("pause", Array(script.utf8), mode: 0o755)])
    }

    /// A little server that answers every request with its own name, and tools to ask others.
    package static func shop(busybox: [UInt8]) -> ImageArchive {
        ImageArchive(
            reference: shopReference, command: ["/bin/shop"],
            entries: base(busybox, applets: applets) + [
                .file("bin/shop", Array(shopScript.utf8), mode: 0o755),
                .file(
                    "etc/passwd", Array("root:x:0:0:root:/:/bin/sh\nshop:x:1000:1000:shop:/:/bin/sh\n".utf8),
                    mode: 0o644),
                .file("etc/group", Array("root:x:0:\nshop:x:1000:\n".utf8), mode: 0o644),
            ])
    }

    /// `shop` serves on $PORT (8080) until it is told to end; `shop wait` only waits; `shop ask ADDRESS PORT [SECONDS]`
    /// prints what a server answers, and fails where none does. $NAME, else the host's name, is
    /// the answer to every request.
    private static let shopScript = """
        #!/bin/sh
        trap 'exit 0' TERM INT
        if [ "$1" = wait ]; then
            while :; do sleep 2147483647 & wait $!; done
        fi
        if [ "$1" = ask ]; then
            answer=$(printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w "${4:-2}" "$2" "$3" | tail -n 1)
            [ -n "$answer" ] && echo "$answer"
            exit
        fi
        folder=$(mktemp -d)
        echo "${NAME:-$(hostname)}" > "$folder/index.html"
        httpd -f -p "${PORT:-8080}" -h "$folder" &
        echo "serving as ${NAME:-$(hostname)} on port ${PORT:-8080}"
        wait $!

        """

    private static let applets = [
        "ash", "awk", "base64", "cat", "chmod", "cp", "cut", "date", "dd", "df", "echo", "env", "false", "find",
        "grep", "head", "hostname", "httpd", "id", "ip", "kill", "ls", "md5sum", "mkdir", "mktemp", "mount", "mv",
        "nc", "netstat", "nslookup", "od", "ping", "printf", "ps", "pwd", "rm", "sed", "seq", "sh", "sha256sum",
        "sleep", "sort", "stat", "stty", "tail", "tar", "tee", "test", "time", "timeout", "top", "touch", "tr",
        "true", "uname", "uniq", "vi", "wc", "wget", "which", "xargs", "yes",
    ]

    private static func base(_ busybox: [UInt8], applets: [String]) -> [ImageArchive.Entry] {
        ["bin", "dev", "etc", "proc", "sys"].map { .folder($0, mode: 0o755) } + [
            .folder("tmp", mode: 0o1777), .file("bin/busybox", busybox, mode: 0o755),
        ] + applets.map { .link("bin/\($0)", target: "busybox") }
    }
}
