#!/usr/bin/env python3
"""Writes Sources/NodeAgent/Generated from what protoc makes of Sources/NodeAgent/Protos: a file for each section.

    protoc -I Sources/NodeAgent/Protos --swift_opt=UseAccessLevelOnImports=true --swift_out=DIR runtime.proto
    Scripts/split-protobuf.py DIR/runtime.pb.swift

A section starts at a line `// MARK: NAME` of the .proto, between blank lines (else protoc takes it for the next
message's comment). A type and its extensions stay together, so what is fileprivate may remain so; each file repeats
the head, the version check and the package's name.
"""
import pathlib
import re
import sys

AGENT = pathlib.Path(__file__).parent.parent / "Sources/NodeAgent"
LINES_MAX = 500
SUPPORT = "fileprivate nonisolated let _protobuf_package"


def sections(proto):
    """The section of each top-level type, by its name in Swift."""
    prefix = re.search(r'^option swift_prefix = "(\w+)";$', proto, re.M)[1]
    found, section = {}, None
    for mark, name in re.findall(r"^(?:// MARK: (\w+)$|(?:message|enum) (\w+))", proto, re.M):
        section = mark or section
        if name and not section:
            sys.exit(f"{name} stands before the first `// MARK: NAME`")
        if name:
            found[prefix + name] = section
    return found


def declarations(text):
    """Top-level declarations, each with the comments and the blank lines before it; the first has the file's head."""
    lines = []
    for line in text.splitlines(keepends=True):
        lines.append(line)
        if line == "}\n" or line.startswith(SUPPORT):
            yield "".join(lines)
            lines = []
    if lines:
        sys.exit("text after the last declaration: " + "".join(lines))


def split(name, text):
    """The files' texts by section."""
    section_of = sections((AGENT / f"Protos/{name}.proto").read_text())
    head, *rest = declarations(text)
    files = {section: [head] for section in section_of.values()}
    for declaration in rest:
        kind = re.search(r"^(?:nonisolated )?(?:struct|enum|extension) (\w+)", declaration, re.M)
        if kind:
            files[section_of[kind[1]]].append(declaration)
        elif SUPPORT in declaration:
            for parts in files.values():
                parts.append(declaration)
        else:
            sys.exit("neither a type nor an extension: " + declaration)
    return {section: "".join(parts) for section, parts in files.items()}


def main(path):
    name = path.name.split(".")[0]
    files = split(name, path.read_text())
    for section, text in files.items():
        if len(text.splitlines()) > LINES_MAX:
            sys.exit(f"{name}+{section} has more than {LINES_MAX} lines: split the section")
    for old in (AGENT / "Generated").glob(f"{name}+*.generated.swift"):
        old.unlink()
    for section, text in files.items():
        (AGENT / f"Generated/{name}+{section}.generated.swift").write_text(text)


main(pathlib.Path(sys.argv[1]))
