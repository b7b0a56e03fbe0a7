/// Results as JUnit XML, which CI systems read.
package enum JUnitText {
    package static func print(_ results: [PolicyTestRun.Result], suite: String) -> String {
        let failures = results.filter { !$0.faults.isEmpty }.count
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuite name=\"\(escape(suite))\" tests=\"\(results.count)\" failures=\"\(failures)\">\n"
        for result in results {
            text += "  <testcase classname=\"\(escape(suite))\" name=\"\(escape(result.name))\""
            if result.faults.isEmpty {
                text += "/>\n"
            } else {
                let faults = result.faults.joined(separator: "\n")
                text += ">\n    <failure message=\"\(escape(result.faults[0]))\">\(escape(faults))</failure>\n"
                text += "  </testcase>\n"
            }
        }
        return text + "</testsuite>\n"
    }

    /// Control characters, which XML 1.0 has no way to write, become blanks.
    private static func escape(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "\n": out += "\n"
            case _ where scalar.value < 0x20: out += " "
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
