import Glibc

/// Turns results of C calls into errors that keep errno and the call's name.
enum SystemCall {
    static func text(of code: Int32) -> String {
        guard let text = strerror(code) else { return "unknown" }
        return String(cString: text)
    }

    /// The error of the calling thread's errno.
    static func error(
        _ call: String, _ message: String, code: Int32 = Glibc.errno, log: String? = nil
    ) -> DatapathError {
        DatapathError(code == E2BIG || code == ENOSPC ? .full : .system, message, call: call, errno: code, log: log)
    }

    /// For calls that return a negative number and set errno.
    @discardableResult
    static func check(
        _ result: Int32, _ call: String, _ message: @autoclosure () -> String
    ) throws(DatapathError) -> Int32 {
        if result >= 0 { return result }
        throw error(call, message())
    }
}
