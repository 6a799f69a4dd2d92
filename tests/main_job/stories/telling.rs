//! The page and the stories, held together: each story's blocks on the page are what the program printed.

use std::{
    fmt::Write as _,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use crate::{explained::steady, world::Ran};

/// One story at a time writes the page.
static PAGE: Mutex<()> = Mutex::new(());
/// Between two blocks while ids are numbered through all of them.
const BETWEEN: &str = "\u{1}";
/// What stands before the id of a record.
const OBJECTS: [&str; 6] = ["contacts/", "Contact/", "Lead/", "contacts:", "Contact:", "Lead:"];
const BLOCK: &str = "```text\n";
const END: &str = "\n```";

/// A story being told.
pub(super) struct Telling {
    heading: &'static str,
    blocks: Vec<String>,
}

impl Telling {
    /// The story under this heading of the page.
    pub(super) fn of(heading: &'static str) -> Self {
        Self { heading, blocks: Vec::new() }
    }

    /// What a command printed, all of it.
    pub(super) fn shows(&mut self, ran: &Ran) {
        self.shows_some(ran, |_| true);
    }

    /// The lines of what a command printed that a reader needs; what is left out is marked.
    pub(super) fn shows_some(&mut self, ran: &Ran, is_needed: impl Fn(&str) -> bool) {
        let mut block = format!("$ hymnal {}", ran.asked);
        let mut is_left_out = false;
        for line in ran.stdout.lines().chain(ran.stderr.lines().filter(|line| !is_log(line))) {
            if is_needed(line) {
                let _ = write!(block, "\n{line}");
            } else if !is_left_out {
                block.push_str("\n  …");
            }
            is_left_out = !is_needed(line);
        }
        if let Some(code @ 1..) = ran.code {
            let _ = write!(block, "\n(exit code {code})");
        }
        self.blocks.push(block);
    }

    /// The page tells the same.
    #[track_caller]
    pub(super) fn ends(self) {
        let _turn = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/stories.md");
        let page = std::fs::read_to_string(&path).expect("the page");
        let told = told_anywhere(&numbered(&steady(&self.blocks.join(&format!("\n{BETWEEN}\n")))));
        let told: Vec<&str> = told.split(BETWEEN).map(|block| block.trim_matches('\n')).collect();
        let start = page.find(&format!("\n## {}\n", self.heading)).expect("the story's heading stands on the page");
        let section = &page[start + 1..];
        let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
        let shown: Vec<&str> = section.split(BLOCK).skip(1).filter_map(|rest| Some(rest.split_once(END)?.0)).collect();
        assert_eq!(shown.len(), told.len(), "blocks of `{}`; told are:\n{}", self.heading, told.join("\n\n"));
        if std::env::var_os("HYMNAL_WRITE_DOCS").is_none() {
            let hint = "`HYMNAL_WRITE_DOCS=1 cargo test --test main_job -- stories::` writes it";
            for (shown, told) in shown.iter().zip(&told) {
                assert_eq!(shown, told, "docs/stories.md, `{}`: the page differs; {hint}", self.heading);
            }
            return;
        }
        let mut written = String::new();
        for (at, part) in section.split(BLOCK).enumerate() {
            match at.checked_sub(1).zip(part.split_once(END)) {
                Some((block, (_, rest))) => written.extend([BLOCK, told[block], END, rest]),
                None => written.push_str(part),
            }
        }
        std::fs::write(&path, page.replacen(section, &written, 1)).expect("the page is written");
    }
}

/// Which of several people is met first differs from run to run: records are numbered in the order in which they stand.
fn numbered(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = OBJECTS.iter().filter_map(|object| rest.find(object).map(|at| at + object.len())).min() {
        let (before, behind) = rest.split_at(at);
        out.push_str(before);
        let end = behind.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(behind.len());
        let (id, behind) = behind.split_at(end);
        if id.len() < 6 {
            out.push_str(id);
        } else {
            let known = seen.iter().position(|known| *known == id).unwrap_or(seen.len());
            if known == seen.len() {
                seen.push(id);
            }
            let _ = write!(out, "…{}", known + 1);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Neither where the files lie, nor how many calls were made before, nor how quick the machine is.
fn told_anywhere(text: &str) -> String {
    let word = |word: &str| {
        if word.starts_with("20") && word.ends_with("Z: ") {
            return "10:11:12: ".to_owned();
        }
        let file = word.trim_start().rsplit_once("/hymnal.toml").map(|(_, behind)| format!("hymnal.toml{behind}"));
        file.unwrap_or_else(|| word.to_owned())
    };
    let line = |line: &str| {
        let mut line = line.split_inclusive(' ').map(word).collect::<String>();
        for (before, after) in [(" calls of ", " left today"), (" edited ", " s later"), ("calls, at least ", " s)")] {
            if let Some((start, rest)) = line.split_once(before)
                && let Some((_, end)) = rest.split_once(after)
            {
                line = format!("{start}{before}…{after}{end}");
            }
        }
        line
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Lines of the log; what a command says to people goes the same way.
fn is_log(line: &str) -> bool {
    line.starts_with("{\"timestamp\"")
}
