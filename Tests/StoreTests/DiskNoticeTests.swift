import Testing

@testable import Store

@Suite struct DiskNoticeTests {
    @Test func aFullDiskIsToldAtItsBeginOnceAMinuteAndAtItsEnd() {
        var notice = DiskNotice()
        #expect(notice.written(at: .seconds(1)) == nil)
        #expect(notice.refused(at: .seconds(10)) == .begun)
        for second in 11..<70 { #expect(notice.refused(at: .seconds(second)) == nil) }
        #expect(notice.refused(at: .seconds(70)) == .goesOn(refused: 61, for: .seconds(60)))
        #expect(notice.refused(at: .seconds(71)) == nil)
        #expect(notice.written(at: .seconds(75)) == .ended(refused: 62, after: .seconds(65)))
        #expect(notice.written(at: .seconds(76)) == nil)
        #expect(notice.refused(at: .seconds(77)) == .begun)
    }
}
