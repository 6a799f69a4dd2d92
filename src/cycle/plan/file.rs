//! A plan read back from a file: checked whole before anything of it is done.

use std::io::{self, BufRead, Lines};

use super::line::{Header, Line, VERSION};

/// Why a file is no plan.
#[derive(Debug, thiserror::Error)]
pub enum NoPlan {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The first line is no header.
    #[error("line 1 is no header of a plan: {0}")]
    Header(String),
    /// It is of another version.
    #[error("it is a plan of version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// A line is no change.
    #[error("line {number} is damaged: {reason}")]
    Line {
        /// Its number; the header is the first.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}

/// A plan, line by line.
#[derive(Debug)]
pub struct PlanFile<R> {
    /// What it says of itself.
    pub header: Header,
    lines: Lines<R>,
    number: usize,
}

impl<R: BufRead> PlanFile<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is none.
    pub fn open(reader: R) -> Result<Self, NoPlan> {
        let mut lines = reader.lines();
        let first = lines.next().ok_or_else(|| NoPlan::Header("the file is empty".to_owned()))??;
        let header: Header = serde_json::from_str(&first).map_err(|error| NoPlan::Header(error.to_string()))?;
        if header.plan != VERSION {
            return Err(NoPlan::Version(header.plan));
        }
        Ok(Self { header, lines, number: 1 })
    }

    fn read(&self, text: &str) -> Result<Line, NoPlan> {
        let wrong = |reason: String| NoPlan::Line { number: self.number, reason };
        let line: Line = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if !self.header.syncs.contains(&line.sync) {
            return Err(wrong(format!("the header names no sync `{}`", line.sync)));
        }
        if line.record.splitn(3, ':').count() < 3 {
            return Err(wrong(format!("`{}` is no record; it reads `connector:object:id`", line.record)));
        }
        Ok(line)
    }
}

impl<R: BufRead> Iterator for PlanFile<R> {
    type Item = Result<Line, NoPlan>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = match self.lines.next()? {
                Ok(text) => text,
                Err(error) => return Some(Err(error.into())),
            };
            self.number += 1;
            // Who takes lines out of a plan may leave an empty one.
            if !text.trim().is_empty() {
                return Some(self.read(&text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NoPlan, PlanFile};

    const HEADER: &str = r#"{"plan":1,"config":"c","at":"2026-11-23T10:00:00Z","syncs":["people"]}"#;
    const LINE: &str = r#"{"sync":"people","system":"crm","entity":"e","record":"crm:Lead:1","kind":"fill","object":"Lead","field":"phone","old":null,"new":"1","sends":{"Phone":"1"},"rule":"only edit","from":"marketing"}"#;

    fn read(text: &str) -> Result<usize, String> {
        let all: Result<Vec<_>, NoPlan> = PlanFile::open(text.as_bytes()).and_then(Iterator::collect);
        all.map(|lines| lines.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_with_a_plan_is_named_by_its_line() {
        assert_eq!(read(&format!("{HEADER}\n{LINE}\n\n{LINE}\n")), Ok(2));
        let starts = |text: &str, with: &str| {
            let told = read(text).expect_err("no plan");
            assert!(told.starts_with(with), "{told}");
        };
        starts("", "line 1 is no header of a plan: the file is empty");
        starts(&format!("{LINE}\n"), "line 1 is no header");
        starts(&HEADER.replace(":1,", ":2,"), "it is a plan of version 2");
        starts(&format!("{HEADER}\n{LINE}\n{}", &LINE[..40]), "line 3 is damaged");
        starts(
            &format!("{HEADER}\n{}", LINE.replace("people", "firms")),
            "line 2 is damaged: the header names no sync",
        );
        starts(&format!("{HEADER}\n{}", LINE.replace("crm:Lead:1", "Lead/1")), "line 2 is damaged: `Lead/1`");
    }
}
