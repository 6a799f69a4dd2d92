//! What must be true of each line of the conflict log, at the moment at which it is there.

use super::{By, Oracle, Promise, papers::Line};

impl Oracle {
    /// Reads journal and conflict log, and looks at what is new.
    pub(crate) fn read_papers(&mut self) {
        let from = self.papers.read(&self.kv, self.tick);
        let new: Vec<Line> = self.papers.lines.iter().skip(from).cloned().collect();
        for line in new {
            self.tell(&format!("the log: {line:?}"));
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
        let mut who = None;
        for side in super::Side::BOTH {
            let Some(value) = &line.values[side] else { return };
            let Some(person) = self.who_has(side, &line.records[side]) else { return };
            who = Some(person);
            let edits = self.of(side, person).flat_map(|(_, track)| &track.edits);
            let edit = edits.filter(|edit| edit.field == field && edit.by == By::Others && edit.value == *value);
            let Some(tick) = edit.map(|edit| edit.tick).max() else {
                if self.is_taken_back(person, field) {
                    return; // It stands there again, and that was a person's wish.
                }
                let text = format!("line {number}: nobody entered `{value}` in `{field}` on {side:?}");
                self.breaks(Promise::HonestConflicts, text);
                return;
            };
            entered.push(tick);
        }
        let (Some(who), [one, two]) = (who, entered.as_slice()) else { return };
        // What was taken back is a decision of now, however old the value is.
        let is_new = self.is_taken_back(who, field);
        if !is_new && !["tags", "optout", "stage", "score"].contains(&field) {
            self.check_concurrent(line, who, *one.min(two), *one.max(two));
        }
        // A question that was closed because one of its records went may be asked again about the record that took its
        // place.
        let closed = |id: &str| {
            let mut earlier = self.papers.lines.iter().filter(|other| other.number < number);
            earlier.any(|other| other.id == id && other.status == "superseded")
        };
        // And one about a record that took over another one is a new one.
        let of_the_same = |other: &Line| {
            let shared = |side| other.records[side].iter().any(|record| line.records[side].contains(record));
            super::Side::BOTH.into_iter().all(shared)
        };
        let again = self.papers.lines.iter().any(|other| {
            other.number < number
                && of_the_same(other)
                && !closed(&other.id)
                && other.field == field
                && other.id != line.id
                && other.kind == line.kind
                && other.values == line.values
                && !["tags", "optout", "stage", "score"].contains(&field)
                && !(left.is_empty() || right.is_empty())
        });
        if again {
            self.breaks(Promise::HonestConflicts, format!("line {number}: `{field}` is told twice"));
        }
    }

    /// Nobody had the other's value before their eyes: it was not delivered, answered and noted before the later edit.
    fn check_concurrent(&mut self, line: &Line, who: usize, earlier: u64, later: u64) {
        let field = line.field.as_str();
        let delivered = super::Side::BOTH.into_iter().any(|side| {
            let Some(value) = &line.values[side.other()] else { return false };
            let there =
                self.live(side, who).filter(|((_, address), _)| line.records[side].contains(&address.to_string()));
            there.into_iter().any(|(_, track)| {
                track.edits.iter().any(|edit| {
                    let noted = match edit.by {
                        By::Us(call) => self.heard.get(&call).is_some_and(|commits| self.sank_in(*commits)),
                        By::Others => false,
                    };
                    edit.field == field && edit.value == *value && edit.tick > earlier && edit.tick < later && noted
                })
            })
        });
        if delivered && !line.values.left.as_ref().is_some_and(String::is_empty) {
            let (number, values) = (line.number, &line.values);
            let text = format!(
                "line {number}: `{field}` {values:?}: the one was written over with the other before one's eyes"
            );
            self.breaks(Promise::HonestConflicts, text);
        }
    }

    /// The lines of the log, without what depends on who was met first.
    ///
    /// Not what was overruled: such a line is no conflict. It shows what stood on the other side when the one was read,
    /// and which is read first depends on pages, and on deaths.
    pub(crate) fn log_in_short(&self) -> Vec<String> {
        let short = |line: &Line| {
            let Line { kind, field, status, values, .. } = line;
            format!("log {kind} {field} {status} {:?} {:?}", values.left, values.right)
        };
        self.papers.lines.iter().filter(|line| line.kind != "overruled").map(short).collect()
    }

    /// Whose records these are.
    fn who_has(&self, side: super::Side, records: &[String]) -> Option<usize> {
        let known =
            self.records.iter().find(|((at, address), _)| *at == side && records.contains(&address.to_string()));
        known.map(|(_, track)| self.root(track.who))
    }
}
