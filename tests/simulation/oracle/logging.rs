//! What must be true of each line of the conflict log, at the moment at which it is there.

use std::collections::BTreeSet;

use super::{By, Change, Key, Oracle, Promise, papers::Line};

impl Oracle {
    /// Reads journal and conflict log, and looks at what is new.
    pub(crate) fn read_papers(&mut self) {
        let from = self.papers.read(&self.kv, self.tick);
        let new: Vec<Line> = self.papers.lines.iter().skip(from).cloned().collect();
        for (index, line) in (from..).zip(new) {
            self.tell(&format!("the log: {line:?}"));
            self.papers.lines[index].overtaken = self.is_overtaken(&line);
            if line.kind == "conflict" && line.status != "superseded" {
                self.check_conflict(&line);
            }
        }
    }

    /// I3: both sides edited, to different values, since they last agreed; and it is told once.
    fn check_conflict(&mut self, line: &Line) {
        let field = line.field.as_str();
        let (Some(left), Some(right)) = (&line.values.left, &line.values.right) else { return };
        let number = line.number;
        if left == right {
            self.breaks(Promise::HonestConflicts, format!("line {number}: both sides say `{left}` in `{field}`"));
            return;
        }
        let mut entered = Vec::new();
        let mut is_taken_back = false;
        for side in super::Side::BOTH {
            let Some(value) = &line.values[side] else { return };
            // By somebody's word, or under one e-mail, records of several are one person's.
            let whose = self.who_have(side, &line.records[side]);
            if whose.is_empty() {
                return;
            }
            is_taken_back |= whose.iter().any(|who| self.is_taken_back(*who, field));
            let is_it = |edit: &&Change| edit.field == field && edit.by == By::Others && edit.value == *value;
            let records = whose.iter().flat_map(|who| self.of(side, *who));
            let edits = records.flat_map(|(key, track)| {
                track.edits.iter().filter(is_it).map(|edit| (edit.tick, key.clone())).collect::<Vec<_>>()
            });
            let Some(entry) = edits.max() else {
                if whose.iter().any(|who| self.is_taken_back(*who, field)) {
                    return; // It stands there again, and that was a person's wish.
                }
                if self.stood_at_first_link(line, side) {
                    return; // It is what the record brought along when it was linked anew, whoever wrote it there.
                }
                let text = format!("line {number}: nobody entered `{value}` in `{field}` on {side:?}");
                self.breaks(Promise::HonestConflicts, text);
                return;
            };
            entered.push(entry);
        }
        let [one, two] = entered.as_slice() else { return };
        // What was taken back is a decision of now, however old the value is.
        if !is_taken_back && !["tags", "optout", "stage", "score"].contains(&field) {
            self.check_concurrent(line, one.min(two).0, one.max(two));
        }
        // A question that was closed because one of its records went may be asked again about the record that took its
        // place.
        let closed = |id: &str| {
            let mut earlier = self.papers.lines.iter().filter(|other| other.number < number);
            earlier.any(|other| other.id == id && other.status == "superseded")
        };
        // And one about a record that took the place of another one is a new one. The first speaks for the person.
        let of_the_same = |other: &Line| {
            super::Side::BOTH.into_iter().all(|side| other.records[side].first() == line.records[side].first())
        };
        let again = self.papers.lines.iter().any(|other| {
            other.number < number
                && of_the_same(other)
                && !closed(&other.id)
                && other.field == field
                && other.id != line.id
                && other.kind == line.kind
                && other.values == line.values
                // Who enters the same once more on both sides disagrees once more.
                && one.0.min(two.0) < other.told
                && !["tags", "optout", "stage", "score"].contains(&field)
                && !(left.is_empty() || right.is_empty())
        });
        if again {
            self.breaks(Promise::HonestConflicts, format!("line {number}: `{field}` is told twice"));
        }
    }

    /// Nobody had the other's value before their eyes: it was not delivered to the record that they edited later, and
    /// noted, before they did.
    fn check_concurrent(&mut self, line: &Line, earlier: u64, (later, key): &(u64, Key)) {
        let field = line.field.as_str();
        let value = line.values[key.0.other()].as_ref();
        let edits = || self.records.get(key).into_iter().flat_map(|track| &track.edits);
        let delivered = edits().any(|edit| {
            // What something there wrote over at once was never seen.
            let stood = edits().rfind(|other| other.field == field && other.tick == edit.tick);
            let noted = match edit.by {
                By::Us(call) => self.heard.contains_key(&call) && self.papers.says_written(key, edit.tick, *later),
                By::Others => false,
            };
            let is_it =
                edit.field == field && Some(&edit.value) == value && stood.is_some_and(|last| last.value == edit.value);
            // Who put back there what stood there before has not shown that they had it before their eyes: it looks as if
            // the service had ignored it.
            let looks_ignored = self.records[key].edits.iter().any(|back| {
                back.field == field
                    && (edit.tick..*later).contains(&back.tick)
                    && self.reads_as_known(key.0, &self.records[key], back)
            });
            is_it && edit.tick > earlier && edit.tick < *later && noted && !looks_ignored
        });
        if delivered && !line.values.left.as_ref().is_some_and(String::is_empty) {
            let (number, values) = (line.number, &line.values);
            let text = format!(
                "line {number}: `{field}` {values:?}: the one was written over with the other before one's eyes"
            );
            self.breaks(Promise::HonestConflicts, text);
        }
    }

    /// An earlier line tells that this value met another one when the record was linked.
    fn stood_at_first_link(&self, line: &Line, side: super::Side) -> bool {
        let is_it = |other: &Line| {
            other.kind == "first_link"
                && other.field == line.field
                && other.values[side] == line.values[side]
                && other.records[side].iter().any(|record| line.records[side].contains(record))
        };
        self.papers.lines.iter().filter(|other| other.number < line.number).any(is_it)
    }

    /// A side of the line shows what somebody there had written over by then: no record of it holds that any more, and
    /// what stands there now was not written by us.
    fn is_overtaken(&self, line: &Line) -> bool {
        let field = line.field.as_str();
        super::Side::BOTH.into_iter().any(|side| {
            let Some(value) = &line.values[side] else { return false };
            let of_it = |((at, address), _): &(&Key, &super::Track)| {
                *at == side && line.records[side].contains(&address.to_string())
            };
            let mut live = self.records.iter().filter(of_it).filter(|(_, track)| track.row.deleted_at.is_none());
            let is_over = |(_, track): (&Key, &super::Track)| {
                let last = track.edits.iter().rev().find(|edit| edit.field == field);
                last.is_some_and(|edit| edit.by == By::Others && edit.value != *value)
            };
            live.clone().next().is_some() && live.all(is_over)
        })
    }

    /// The lines of the log, without what depends on who was met first.
    ///
    /// Not what was overruled: such a line is no conflict. It shows what stood on the other side when the one was read,
    /// and which is read first depends on pages, and on deaths. For the same reason not what was overtaken: whoever is
    /// read first meets the other side's edit before the last one, or that one.
    pub(crate) fn log_in_short(&self) -> Vec<String> {
        let short = |line: &Line| {
            let Line { kind, field, status, values, .. } = line;
            format!("log {kind} {field} {status} {:?} {:?}", values.left, values.right)
        };
        let lines = self.papers.lines.iter().filter(|line| line.kind != "overruled" && !line.overtaken);
        lines.map(short).collect()
    }

    /// What such lines begin with for which some line was overtaken: nothing can be said of them.
    pub(crate) fn overtaken(&self) -> Vec<String> {
        let lines = self.papers.lines.iter().filter(|line| line.overtaken);
        lines.map(|line| format!("log {} {} ", line.kind, line.field)).collect()
    }

    /// Whose records these are.
    fn who_have(&self, side: super::Side, records: &[String]) -> BTreeSet<usize> {
        let known =
            self.records.iter().filter(|((at, address), _)| *at == side && records.contains(&address.to_string()));
        known.map(|(_, track)| self.root(track.who)).collect()
    }
}
