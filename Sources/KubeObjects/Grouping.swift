/// In which group each member is, and the other way round: a group's members are found without looking at others.
package struct Grouping<Member: Hashable & Sendable, Group: Hashable & Sendable>: Sendable {
    private var groupOfMember: [Member: Group] = [:]
    private var membersOfGroup: [Group: Set<Member>] = [:]

    package init() {}

    /// Those with members.
    package var groups: some Collection<Group> { membersOfGroup.keys }

    package func contains(_ member: Member) -> Bool { groupOfMember[member] != nil }

    package func members(of group: Group) -> Set<Member> { membersOfGroup[group] ?? [] }

    /// Puts a member into a group, or into none. Answers whom that concerns: the group that has it now, and the one
    /// that had it.
    @discardableResult
    package mutating func file(_ member: Member, under group: Group?) -> Set<Group> {
        let former = groupOfMember[member]
        if let former, former != group {
            membersOfGroup[former]?.remove(member)
            if membersOfGroup[former]?.isEmpty == true { membersOfGroup[former] = nil }
        }
        groupOfMember[member] = group
        if let group { membersOfGroup[group, default: []].insert(member) }
        return Set([former, group].compactMap { $0 })
    }
}
