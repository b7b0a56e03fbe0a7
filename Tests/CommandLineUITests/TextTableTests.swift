import CommandLineUI
import Testing

@Suite struct TextTableTests {
    @Test func columnsAreAsWideAsTheirWidestCell() {
        var table = TextTable("name", "port")
        table.add(["a-long-name", "80"])
        table.add(["b", ""])
        #expect(table.text == "NAME         PORT\na-long-name  80\nb            -\n")
    }

    @Test func missingCellsAreMarkedAndSpareOnesDropped() {
        var table = TextTable("a", "b")
        table.add(["1"])
        table.add(["1", "2", "3"])
        #expect(table.text == "A  B\n1  -\n1  2\n")
    }
}
